"""Findings of the policy packs and checkov in the stacks."""

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
# checkov pins older versions of packages that the project uses, so it has its own virtual environment.
CHECKOV = ROOT / "build" / "policy-venv" / "bin" / "checkov"
# Findings, even accepted ones, would fail the synth and be printed; the written report is read instead.
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
    """A resource that violates a control.

    Attributes:
        control: name without the pack, such as `S3BucketLoggingEnabled`, because packs share controls.
        resource: path of its construct within the environment, such as `Recordings/Store/Recordings`.
        acknowledged: accepted with a reason in the stacks.
    """

    pack: Pack
    environment: str
    control: str
    resource: str
    acknowledged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """Acknowledgements of AwsSolutions in the stacks, and those that a finding needed, as rule and path."""

    everything: frozenset[tuple[str, str]]
    needed: frozenset[tuple[str, str]]

    @property
    def unneeded(self) -> list[str]:
        """Acknowledgements without a finding in any environment."""
        return sorted(f"{control} at {resource}" for control, resource in self.everything - self.needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Findings of some packs in some environments, and the acknowledgements of AwsSolutions in the stacks."""

    findings: tuple[Finding, ...]
    acknowledged: Acknowledged


def examine(environments: Iterable[Environment], packs: Collection[Pack], outdir: Path) -> Examination:
    """Synthesize environments, and collect the findings of the packs."""
    # The templates need the construct paths, to map logical ids to constructs.
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | QUIET | {"aws:cdk:enable-path-metadata": True}
    app = App(context=context, outdir=str(outdir))
    for environment in environments:
        Whisper(app, environment=environment)
    return report(app, packs, outdir)


def report(app: App, packs: Collection[Pack], outdir: Path) -> Examination:
    """The findings of the packs on an application that is synthesized to `outdir`."""
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
    """Every rule that the stacks acknowledge, with the path of the construct."""
    for path in outdir.rglob("*.metadata.json"):
        for construct, entries in json.loads(path.read_text()).items():
            for entry in entries:
                rules = entry["data"] if entry["type"] == ACKNOWLEDGED else ()
                where = construct.strip("/").partition("/")[2]
                yield from ((_masked(rule), where) for rule in rules if rule.startswith(Pack.AWS_SOLUTIONS))


def _masked(rule: str) -> str:
    """A rule without the names of the environment's stacks, so that environments can be compared."""
    head, separator, tail = rule.partition('"StackName":"whisper-')
    return f"{head}{separator}{_masked(tail.partition('-')[2])}" if separator else rule


def _checkov(outdir: Path) -> Iterator[Finding]:
    """Checks that fail in checkov, which runs without network access."""
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
