"""Promises about the page: its origin alone may send to the recordings bucket, and read results by their links."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from stacks.environments import ApiPlan
from stacks.recordings.stack import Recordings
from tests.stacks.factory import FORGE, LIVE
from tests.stacks.synthesis import ROOT, Template

NAMED = replace(LIVE, api=replace(LIVE.api, subdomain="speech"))
UNNAMED = {
    "without a name": LIVE,
    "without TLS": replace(FORGE, api=ApiPlan(subdomain="speech")),
    "without a page": replace(NAMED, settings=replace(LIVE.settings, page=False)),
    "without its jobs": replace(NAMED, settings=replace(LIVE.settings, page_jobs=False)),
}


def rules(resources: Mapping[str, Any]) -> dict[str, Any]:
    """The CORS rules of each bucket that has any, by its logical id."""
    return {
        name: resource["Properties"]["CorsConfiguration"]["CorsRules"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::S3::Bucket" and "CorsConfiguration" in resource["Properties"]
    }


def test_page_alone_sends_and_reads(tmp_path: Path) -> None:
    """From the API's own name over TLS: PUT with the digest's headers, GET of results, nothing else."""
    app = App(outdir=str(tmp_path), context=json.loads((ROOT / "cdk.json").read_text())["context"])
    Recordings(app, environment=NAMED)
    found = rules(app.synth().get_stack_by_name("Recordings").template["Resources"])
    assert {name.rstrip("0123456789ABCDEF") for name in found} == {"StoreRecordings", "StoreTranscripts"}
    for bucket, (rule,) in found.items():
        (origin,) = rule["AllowedOrigins"]
        assert origin["Fn::Join"][1][0] == "https://speech."
        assert "*" not in str(rule)
        uploads = bucket.startswith("StoreRecordings")
        assert rule["AllowedMethods"] == (["PUT"] if uploads else ["GET"])
        assert ("x-amz-checksum-sha256" in rule.get("AllowedHeaders", ())) is uploads
    assert NAMED.api_settings.page_jobs


@pytest.mark.parametrize("case", UNNAMED)
def test_page_without_a_name_over_tls_makes_no_jobs(case: str) -> None:
    """The API is told so, by the same value that the rules of the buckets follow."""
    assert not UNNAMED[case].api_settings.page_jobs


def test_bucket_of_an_unnamed_page_admits_no_browser(line: Mapping[str, Template]) -> None:
    """Neither bucket has a rule."""
    assert rules(line["live/Recordings"].body["Resources"]) == {}
