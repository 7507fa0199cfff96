"""The stacks of an environment, read from a synthesized assembly."""

import atexit
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from delivery.programs import run

SSM_VALUE = "AWS::SSM::Parameter::Value<String>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A stack as it would be deployed.

    Attributes:
        path: such as `dev/Api`.
        name: in CloudFormation.
        template: the body that CloudFormation gets.
        needs: paths of the stacks that are deployed before it.
        account: that it is for; empty for that of the credentials at deploy time.
    """

    path: str
    name: str
    template: Mapping[str, Any]
    needs: frozenset[str]
    account: str = ""

    @property
    def takes_image(self) -> bool:
        """Whether it takes the digest of the image to run."""
        return "ImageDigest" in self.template.get("Parameters", {})

    @property
    def reads(self) -> set[str]:
        """SSM parameters that CloudFormation reads for it, except the one that `cdk bootstrap` makes."""
        given = self.template.get("Parameters", {}).items()
        return {p["Default"] for name, p in given if p["Type"] == SSM_VALUE and name != "BootstrapVersion"}

    @property
    def bootstrap(self) -> tuple[str, int] | None:
        """The SSM parameter with the version of the CDK's own stack, and the lowest version that it needs."""
        if not (given := self.template.get("Parameters", {}).get("BootstrapVersion")):
            return None
        (rule,) = self.template["Rules"]["CheckBootstrapVersion"]["Assertions"]
        too_old, _ = rule["Assert"]["Fn::Not"][0]["Fn::Contains"]
        return given["Default"], max(map(int, too_old)) + 1

    @property
    def writes(self) -> set[str]:
        """SSM parameters that it creates."""
        resources = self.template["Resources"].values()
        return {r["Properties"]["Name"] for r in resources if r["Type"] == "AWS::SSM::Parameter"}


@dataclass(frozen=True, slots=True)
class Assembly:
    """The output of a synth for one environment: its folder, and its stacks by path."""

    folder: Path
    stacks: Mapping[str, Stack]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the folder that a synth wrote for one environment."""
        artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
        described = {k: a for k, a in artifacts.items() if a["type"] == "aws:cloudformation:stack"}
        paths = {identity: stack["displayName"].partition(" ")[0] for identity, stack in described.items()}
        return cls(
            folder,
            {
                paths[identity]: Stack(
                    path=paths[identity],
                    name=stack["properties"]["stackName"],
                    template=json.loads((folder / stack["properties"]["templateFile"]).read_text()),
                    needs=frozenset(paths[need] for need in stack.get("dependencies", ()) if need in paths),
                    account="".join(re.findall(r"^aws://([0-9]{12})/", stack["environment"])),
                )
                for identity, stack in described.items()
            },
        )

    def within(self, account: str) -> "Assembly":
        """The stacks of an account; those of another one need its credentials."""
        stacks = {path: stack for path, stack in self.stacks.items() if stack.account in ("", account)}
        return Assembly(self.folder, stacks)

    @property
    def expected(self) -> set[str]:
        """SSM parameters that must be in the account before the first deploy."""
        stacks = self.stacks.values()
        return set().union(*(stack.reads for stack in stacks)) - set().union(*(stack.writes for stack in stacks))

    @property
    def bootstrap(self) -> set[tuple[str, int]]:
        """What the stacks ask of the CDK's own stack; one entry, unless they are deployed in different ways."""
        return {stack.bootstrap for stack in self.stacks.values() if stack.bootstrap}

    @property
    def names(self) -> list[str]:
        """The stacks' names in CloudFormation."""
        return [stack.name for stack in self.stacks.values()]

    def without_image(self) -> list[Stack]:
        """The stacks that can be deployed before the first image exists, in no particular order."""
        return [stack for stack in self.stacks.values() if not any(s.takes_image for s in self._with_needs(stack))]

    def _with_needs(self, stack: Stack) -> Iterator[Stack]:
        yield stack
        for need in stack.needs:
            yield from self._with_needs(self.stacks[need])


def synthesized(name: str, environ: Mapping[str, str]) -> Assembly:
    """Synthesize the stacks of the environment called `name`, which needs no credentials.

    Each call has a folder of its own until this process ends, so that no other command in this checkout writes into it.
    """
    whole = Path(tempfile.mkdtemp(prefix=f"assembly-{name}-"))
    atexit.register(shutil.rmtree, whole, ignore_errors=True)
    run("cdk", "synth", "--quiet", "--context", f"environment={name}", "--output", str(whole), environ=environ)
    return Assembly.read(whole / f"assembly-{name}")
