"""The real `cdk bootstrap` and `cdk deploy`, into an emulator."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.emulator import ACCOUNT, Emulator, LocalError

ROOT = Path(__file__).parent.parent
ENVIRONMENT = "local"
# The emulator knows every type of these stacks' resources; docs/local.md says what it refuses of the others.
STACKS = ("Registry", "Recordings")
# The CDK adds outputs of its own where another stack refers to a resource.
GENERATED = ("ExportsOutput", "PublishOutput")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What stands in the emulator: its region and the stacks' outputs by name."""

    region: str
    outputs: Mapping[str, str]


def deploy(emulator: Emulator) -> Deployment:
    """Synthesize, bootstrap and deploy; deploying again updates.

    Raises:
        LocalError: nothing answers at the emulator's address, or a step of the CDK fails.
    """
    if not emulator.answers():
        raise LocalError(f"no emulator answers at {emulator.url}; `python -m local start` starts one")
    assembly, outputs = emulator.folder / "cdk.out", emulator.folder / "outputs.json"
    # The CDK remembers the account of an access key in its home: not in the user's.
    environ = emulator.environ() | {"CDK_HOME": str(emulator.folder / "cdk")}
    _cdk("synth", "--quiet", "--context", f"environment={ENVIRONMENT}", "--output", str(assembly), environ=environ)
    region = _region(assembly)
    _cdk("bootstrap", f"aws://{ACCOUNT}/{region}", "--app", str(assembly), environ=environ)
    stacks = [f"{ENVIRONMENT}/{stack}" for stack in STACKS]
    options = ["--exclusively", "--require-approval", "never", "--outputs-file", str(outputs)]
    _cdk("deploy", *stacks, "--app", str(assembly), *options, environ=environ)
    by_stack: dict[str, dict[str, str]] = json.loads(outputs.read_text())
    named = {name: value for stack in by_stack.values() for name, value in stack.items()}
    return Deployment(
        region=region, outputs={name: value for name, value in named.items() if not name.startswith(GENERATED)}
    )


def _region(assembly: Path) -> str:
    """The region that the environment's stacks were synthesized for."""
    manifest = json.loads((assembly / f"assembly-{ENVIRONMENT}" / "manifest.json").read_text())
    stacks = [part for part in manifest["artifacts"].values() if part["type"] == "aws:cloudformation:stack"]
    environment: str = stacks[0]["environment"]  # such as aws://unknown-account/eu-west-1
    return environment.rpartition("/")[2]


def _cdk(*arguments: str, environ: Mapping[str, str]) -> None:
    program = Path(sys.executable).with_name("cdk")
    try:
        subprocess.run([program, *arguments], cwd=ROOT, env=environ, check=True)
    except FileNotFoundError:
        raise LocalError(f"there is no {program}; `make install` puts it there") from None
    except subprocess.CalledProcessError as error:
        raise LocalError(f"`cdk {arguments[0]}` ended with {error.returncode}; it says why above") from None
