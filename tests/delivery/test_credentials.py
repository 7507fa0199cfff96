"""The role of a step is assumed with the step's own credentials, here and in each program that the step starts."""

import configparser
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from delivery.credentials import under_profile
from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused
from delivery.rollout import Pace, deploy, release
from local.emulator import ACCOUNT, HOST
from tests.checkout import checkout
from tests.delivery.cloud import BOOTSTRAP, NEW, OLD, Cloud
from tests.delivery.recorder import Recording, recording
from tests.stacks.factory import REGION

ROLE = f"arn:aws:iam::{ACCOUNT}:role/whisper-live-ReleaseRole"
BRISK = Pace(settle_s=5, watch_s=0.2, poll_s=0.05)
VALUES = "from tests.stacks.factory import LINE\n\n\ndef environments():\n    return LINE\n"


@pytest.fixture
def recorded(cloud: Cloud) -> Iterator[Recording]:
    """What AWS is asked, and by whom."""
    with recording(cloud.environ["AWS_ENDPOINT_URL"]) as made:
        yield made


@pytest.fixture
def environ(cloud: Cloud, recorded: Recording, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, str]]:
    """The variables of a project of the pipeline, which takes production's role."""
    own = {**cloud.environ, "AWS_ENDPOINT_URL": recorded.url, "ROLE_LIVE": ROLE}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    yield own
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)
    deploy(DeployedEnvironment.named("live", cloud.environ), OLD)
    cloud.calls("cdk")


def committed(folder: Path) -> str:
    """The project in a repository of its own, installed as it is here; its one commit."""
    checkout(folder, VALUES)
    # No task runs in the emulator, so that a golden call would never come back.
    (folder / "delivery" / "proof.py").write_text("def prove(*_: object, **__: object) -> None:\n    pass\n")
    python = f'#!/bin/sh\\nexec {sys.executable} "$$@"\\n'
    recipe = f"\t@mkdir -p .venv/bin\n\t@printf '{python}' > .venv/bin/python\n\t@chmod +x .venv/bin/python\n"
    (folder / "Makefile").write_text(f"install:\n\tfalse\n\ninstall-delivery:\n{recipe}")
    names = ("-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false")
    parts = ("Makefile", "cdk.json", "app.py", "delivery", "local", "service", "stacks", "tests/stacks")
    for command in (("init", "--quiet"), ("add", "--force", *parts), (*names, "commit", "--quiet", "--message", "a")):
        subprocess.run(["git", *command], cwd=folder, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True)
    return head.stdout.strip()


def test_version_before_goes_back_in_a_child_that_assumes_no_role_with_the_roles_credentials(
    cloud: Cloud, environ: Mapping[str, str], recorded: Recording, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No role may assume itself: the step, the programs of the CDK and the real child assume it once each."""
    commit = committed(tmp_path)
    before = cloud.push("live", commit)
    live = DeployedEnvironment.named("live", environ)
    deploy(live, before)
    (alarm, *_) = live.resources("Monitoring", "AWS::CloudWatch::Alarm")
    more = {"GIT_DIR": str(tmp_path / ".git"), "RINGS": alarm}
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    recorded.calls.clear()
    with pytest.raises(Refused, match=f"live runs {before} again"):
        release(DeployedEnvironment.named("live", {**environ, **more}), NEW, BRISK)
    taken = [call for call in recorded.of("AssumeRole") if call.values["RoleArn"] == ROLE]
    assert {call.key for call in taken} == {ACCOUNT}
    # This process, its `cdk deploy`, the child, and the child's `cdk deploy`; a synth asks AWS nothing.
    assert len(taken) == 4
    # All else was done as the role, or as the one of `cdk bootstrap` that the CDK takes with it.
    assert {recorded.roles.get(call.key) for call in recorded.calls if call not in taken} == {ROLE, BOOTSTRAP}


def test_profile_renews_what_expires(environ: Mapping[str, str], recorded: Recording, tmp_path: Path) -> None:
    """Each call of its process assumes the role anew, and prints when the credentials end."""
    under = under_profile(environ, name="live", role=ROLE, region=REGION, folder=tmp_path / "a folder")
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & set(under)
    config = configparser.ConfigParser()
    config.read(under["AWS_CONFIG_FILE"])
    process = config[f"profile {under['AWS_PROFILE']}"]["credential_process"]
    printed = [
        json.loads(subprocess.run(process, shell=True, env=under, capture_output=True, check=True).stdout)
        for _ in range(2)
    ]
    assert all({"Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"} == set(p) for p in printed)
    assert printed[0]["AccessKeyId"] != printed[1]["AccessKeyId"]
    assert [call.key for call in recorded.of("AssumeRole")] == [ACCOUNT] * 2


@contextmanager
def github(tokens: list[str]) -> Iterator[str]:
    """GitHub's service of tokens, at an address; notes what was asked, and answers with a new token each time."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.append(f"{self.headers['Authorization']} {self.path}")
            answer = json.dumps({"value": f"token-{len(tokens)}"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name in the base class
            """Keep quiet."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://{HOST}:{server.server_port}/token?api-version=2.0"
        server.shutdown()
        thread.join()


def test_job_of_a_workflow_takes_the_role_with_a_new_token_each_time(
    environ: Mapping[str, str], recorded: Recording, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Tokens live for minutes, a release for hours: so no step keeps one, and no credentials are set anywhere."""
    asked: list[str] = []
    with github(asked) as url:
        own = {key: value for key, value in environ.items() if not key.startswith("AWS_") or "ENDPOINT" in key}
        job = {**own, "ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "bearer-of-the-job"}
        for key in environ.keys() - own.keys():
            monkeypatch.delenv(key)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for key, value in job.items():
            monkeypatch.setenv(key, value)
        assert DeployedEnvironment.named("live", job).account == ACCOUNT
        under = under_profile(job, name="live", role=ROLE, region=REGION, folder=tmp_path)
        config = configparser.ConfigParser()
        config.read(under["AWS_CONFIG_FILE"])
        process = config[f"profile {under['AWS_PROFILE']}"]["credential_process"]
        subprocess.run(process, shell=True, env=under, capture_output=True, check=True)
    assert asked == ["bearer bearer-of-the-job /token?api-version=2.0&audience=sts.amazonaws.com"] * 2
    taken = recorded.of("AssumeRoleWithWebIdentity")
    assert [(call.values["RoleArn"], call.values["WebIdentityToken"]) for call in taken] == [
        (ROLE, "token-1"),
        (ROLE, "token-2"),
    ]
    assert not recorded.of("AssumeRole")
