"""What the policy packs and checkov find in the stacks."""

import json
import os
import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import cdk_nag
from aws_cdk import App, IPolicyValidationPlugin, Validations

from stacks.environments import Environment
from stacks.stage import Whisper

ROOT = Path(__file__).parent.parent.parent
# checkov pins versions that the project's own tools have outgrown, so it lives in an environment of its own.
CHECKOV = ROOT / "build" / "policy-venv" / "bin" / "checkov"
# Accepted findings would fail a synth and print themselves, too: the written report is read instead.
QUIET = {"@aws-cdk/core:failSynthOnValidationErrors": False}
ACKNOWLEDGED = Validations.ACKNOWLEDGED_RULES_METADATA_KEY


class Pack(StrEnum):
    """A set of controls, by the name in its reports."""

    AWS_SOLUTIONS = "AwsSolutions"
    NIST = "NIST.800.53.R5"
    HIPAA = "HIPAA.Security"
    PCI = "PCI.DSS.321"
    CHECKOV = "checkov"


PLUGINS: Mapping[Pack, Callable[[App], IPolicyValidationPlugin]] = {
    Pack.AWS_SOLUTIONS: cdk_nag.AwsSolutionsChecks,
    Pack.NIST: cdk_nag.NIST80053R5Checks,
    Pack.HIPAA: cdk_nag.HIPAASecurityChecks,
    Pack.PCI: cdk_nag.PCIDSS321Checks,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A resource that a control disagrees with.

    Attributes:
        control: without its pack, such as `S3BucketLoggingEnabled`: packs share them.
        resource: path of its construct within the environment, such as `Recordings/Store/Recordings`.
        acknowledged: stands beside the resource in the stacks, with a reason.
    """

    pack: Pack
    environment: str
    control: str
    resource: str
    acknowledged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """What the stacks accept of AwsSolutions, wherever it stands, and where that was needed."""

    everything: frozenset[tuple[str, str]]
    needed: frozenset[tuple[str, str]]

    @property
    def unneeded(self) -> list[str]:
        """Acknowledgements that no environment needs: what they excuse is mended, or never was."""
        return sorted(f"{control} at {resource}" for control, resource in self.everything - self.needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Findings of some packs in some environments, and the acknowledgements beside the resources."""

    findings: tuple[Finding, ...]
    acknowledged: Acknowledged


def examine(environments: Iterable[Environment], packs: Collection[Pack], outdir: Path) -> Examination:
    """Synthesize environments, and collect what the packs report."""
    # Paths in the templates tell which construct a logical id is.
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | QUIET | {"aws:cdk:enable-path-metadata": True}
    app = App(context=context, outdir=str(outdir))
    for environment in environments:
        Whisper(app, environment=environment)
    return report(app, packs, outdir)


def report(app: App, packs: Collection[Pack], outdir: Path) -> Examination:
    """What the packs report of an application that is written to `outdir`."""
    Validations.of(app).add_plugins(*(PLUGINS[pack](app) for pack in packs if pack in PLUGINS))
    app.synth()
    findings: list[Finding] = []
    needed = set()
    for plugin in json.loads((outdir / "validation-report.json").read_text())["pluginReports"]:
        if plugin["pluginName"] not in list(Pack):  # the library's own check of templates
            if plugin["conclusion"] == "failure":
                raise ValueError(f"{plugin['pluginName']}: {plugin['violations']}")
            continue
        read = partial(_reported, Pack(plugin["pluginName"]))
        findings += [finding for violation in plugin["violations"] for finding in read(violation)]
        for violation in plugin.get("suppressedViolations", []):
            findings += read(violation, acknowledged=True)
            needed.add((_masked(violation["acknowledgedId"]), violation["acknowledgedAt"].partition("/")[2]))
    if Pack.CHECKOV in packs:
        findings += _checkov(outdir)
    everything = frozenset(_acknowledgements(outdir)) if Pack.AWS_SOLUTIONS in packs else frozenset()
    return Examination(
        findings=tuple(findings), acknowledged=Acknowledged(everything=everything, needed=frozenset(needed))
    )


def _reported(pack: Pack, violation: Mapping[str, Any], *, acknowledged: bool = False) -> Iterator[Finding]:
    """One finding for each construct that violates a rule."""
    for construct in violation["violatingConstructs"]:
        environment, _, resource = construct["constructPath"].partition("/")
        yield Finding(
            pack=pack,
            environment=environment,
            control=violation["ruleName"].removeprefix(f"{pack}-"),
            resource=resource.removesuffix("/Resource"),
            acknowledged=acknowledged,
        )


def _acknowledgements(outdir: Path) -> Iterator[tuple[str, str]]:
    """Every rule that the stacks acknowledge, and the path at which."""
    for path in outdir.rglob("*.metadata.json"):
        for construct, entries in json.loads(path.read_text()).items():
            for entry in entries:
                rules = entry["data"] if entry["type"] == ACKNOWLEDGED else ()
                where = construct.strip("/").partition("/")[2]
                yield from ((_masked(rule), where) for rule in rules if rule.startswith(Pack.AWS_SOLUTIONS))


def _masked(rule: str) -> str:
    """A rule without the names of the environment's stacks, so that environments compare."""
    head, separator, tail = rule.partition('"StackName":"whisper-')
    return f"{head}{separator}{_masked(tail.partition('-')[2])}" if separator else rule


def _checkov(outdir: Path) -> Iterator[Finding]:
    """What checkov disagrees with in the templates. It asks nobody and reports to nobody."""
    command = [str(CHECKOV), "--directory", str(outdir), "--framework", "cloudformation"]
    options = ["--skip-download", "--output", "json", "--quiet", "--compact", "--soft-fail"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(outdir)}
    result = subprocess.run([*command, *options], capture_output=True, text=True, check=True, env=environ)
    report = json.loads(result.stdout)
    if report["summary"]["parsing_errors"]:
        raise ValueError(f"checkov cannot read {report['results']['parsing_errors']}")
    for check in report["results"]["failed_checks"]:
        template = json.loads((outdir / check["file_path"].lstrip("/")).read_text())
        path = template["Resources"][check["resource"].rpartition(".")[2]]["Metadata"]["aws:cdk:path"]
        environment, _, resource = path.partition("/")
        yield Finding(
            pack=Pack.CHECKOV,
            environment=environment,
            control=check["check_id"],
            resource=resource.removesuffix("/Resource"),
        )
