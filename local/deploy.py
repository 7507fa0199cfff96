"""The real `cdk bootstrap` and `cdk deploy`, into an emulator."""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from local.emulator import ACCOUNT, Emulator
from local.errors import LocalError

ROOT = Path(__file__).parent.parent
ENVIRONMENT = "local"
# Subfolder of the emulator's folder with the synthesized templates.
ASSEMBLY = "cdk.out"
# The emulator supports every resource type of these stacks; docs/local.md lists the types that it refuses.
STACKS = ("Registry", "Recordings")
# The CDK adds an output for each resource that another stack refers to.
GENERATED = ("ExportsOutput", "PublishOutput")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The stacks in the emulator: their environment and region, and their outputs by name."""

    environment: str
    region: str
    outputs: Mapping[str, str]


def deploy(emulator: Emulator, *, environment: str = ENVIRONMENT, log: Path | None = None) -> Deployment:
    """Synthesize, bootstrap and deploy; a second deploy updates. The CDK's output goes to `log`, or to the terminal.

    Raises:
        LocalError: the emulator does not answer, or a CDK command fails.
    """
    if not emulator.answers():
        raise LocalError(f"no emulator answers at {emulator.url}; `python -m local start` starts one")
    assembly, outputs = emulator.folder / ASSEMBLY, emulator.folder / "outputs.json"
    # The CDK caches the account of an access key in its home, which must not be the user's.
    environ = emulator.environ() | {"CDK_HOME": str(emulator.folder / "cdk")}
    cdk = partial(_cdk, environ=environ, log=log)
    cdk("synth", "--quiet", "--context", f"environment={environment}", "--output", str(assembly))
    region = _region(assembly, environment)
    cdk("bootstrap", f"aws://{ACCOUNT}/{region}", "--app", str(assembly))
    stacks = [f"{environment}/{stack}" for stack in STACKS]
    options = ["--exclusively", "--require-approval", "never", "--outputs-file", str(outputs)]
    cdk("deploy", *stacks, "--app", str(assembly), *options)
    by_stack: dict[str, dict[str, str]] = json.loads(outputs.read_text())
    named = {name: value for stack in by_stack.values() for name, value in stack.items()}
    return Deployment(
        environment=environment,
        region=region,
        outputs={name: value for name, value in named.items() if not name.startswith(GENERATED)},
    )


def template(assembly: Path, stack: str, *, environment: str = ENVIRONMENT) -> dict[str, Any]:
    """The synthesized template of one of an environment's stacks, such as `Batch`.

    Raises:
        LocalError: there is no such stack.
    """
    for part in _stacks(assembly, environment):
        if part["displayName"] == f"{environment}/{stack}":
            file = assembly / f"assembly-{environment}" / part["properties"]["templateFile"]
            read: dict[str, Any] = json.loads(file.read_text())
            return read
    raise LocalError(f"stack: got no '{environment}/{stack}', expected one of those in {assembly}")


def _region(assembly: Path, environment: str) -> str:
    """The region that the environment's stacks were synthesized for."""
    target: str = _stacks(assembly, environment)[0]["environment"]  # such as aws://unknown-account/eu-west-1
    return target.rpartition("/")[2]


def _stacks(assembly: Path, environment: str) -> list[dict[str, Any]]:
    manifest = json.loads((assembly / f"assembly-{environment}" / "manifest.json").read_text())
    return [part for part in manifest["artifacts"].values() if part["type"] == "aws:cloudformation:stack"]


def _cdk(*arguments: str, environ: Mapping[str, str], log: Path | None = None) -> None:
    program = Path(sys.executable).with_name("cdk")
    explained = f"{log} says why" if log else "it says why above"
    try:
        with log.open("ab") if log else nullcontext() as output:
            subprocess.run([program, *arguments], cwd=ROOT, env=environ, stdout=output, stderr=output, check=True)
    except FileNotFoundError:
        raise LocalError(f"there is no {program}; `make install` puts it there") from None
    except subprocess.CalledProcessError as error:
        raise LocalError(f"`cdk {arguments[0]}` ended with {error.returncode}; {explained}") from None
