"""The description: it is served with a page to read it, has every route, and holds against whatever may be sent."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import boto3
import httpx2
import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from demo.server import ROOT, running_server
from local.emulator import Emulator
from service.batch import results
from service.batch.results import ResultKeys
from service.contract import LIVE_PATH, READY_PATH
from service.errors import NotAudio
from service.http.description import ASSETS, DESCRIPTION_PATH, DOCS_PATH, description
from service.http.page import is_open
from tests import standin
from tests.service.cloud import REGION, Cloud
from tests.service.http.fakes import SETTINGS, FakeEngine, application, error

HOOKS = "tests.service.http.openai.recordings"
# Each is a promise of the description; how wrong requests are refused is tested with values that mean something.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method"
)
# On a busy machine, neither an answer within ten seconds nor a quick generator is a promise of the description.
PATIENCE = ("--request-timeout", "60", "--suppress-health-check", "too_slow")


def test_description_is_served_without_a_key(engine: FakeEngine) -> None:
    """A browser has none; the page has a place for it."""
    client = TestClient(application(engine, settings=replace(SETTINGS, api_keys="0123456789abcdef")))
    assert client.get(DESCRIPTION_PATH).json() == description()
    assert client.get(DOCS_PATH).status_code == 200
    assert client.get("/v1/models").status_code == 401


def test_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    """Its scripts and styles are the service's own."""
    page = client.get(DOCS_PATH)
    assert page.headers["content-type"].startswith("text/html")
    assert "://" not in page.text
    referred = re.findall(r'(?:href|src)="docs/([^"]+)"', page.text)
    assert sorted(referred) == sorted(ASSETS)
    for name in referred:
        assert len(client.get(f"{DOCS_PATH}/{name}").content) > 500


@pytest.mark.parametrize("name", ["redoc.standalone.js", "LICENSE", "..%2F..%2Fapps.py", ""])
def test_no_other_file_is_served(client: TestClient, name: str) -> None:
    """Of the package that holds them."""
    response = client.get(f"{DOCS_PATH}/{name}")
    assert (response.status_code, error(response)["code"]) == (404, "not_found")


def test_every_route_is_described(engine: FakeEngine) -> None:
    """With its methods, and no route that is not there."""
    routes = {
        (route.path, method.lower())
        for route in application(engine).routes
        if isinstance(route, Route)
        and not route.path.startswith((DOCS_PATH, DESCRIPTION_PATH))
        and not is_open(route.path)
        for method in (route.methods or set()) - {"HEAD"}
    }
    described = {(path, method) for path, methods in description()["paths"].items() for method in methods}
    assert described == routes


def test_every_operation_tells_how_any_request_may_end() -> None:
    """A huge head, a wrong key, too many requests, a defect: the guards stand before every route but the health checks."""
    operations = {
        path: methods for path, methods in description()["paths"].items() if path not in {LIVE_PATH, READY_PATH}
    }
    for path, methods in operations.items():
        for method, operation in methods.items():
            assert {"400", "401", "403", "429", "500", "503"} <= operation["responses"].keys(), (path, method)


def behind(cloud: Cloud, emulated: Emulator) -> dict[str, str]:
    """The variables of a service with buckets, a queue and webhooks."""
    webhooks = cloud.sqs.create_queue(QueueName=f"webhooks-{cloud.transcripts[-12:]}")["QueueUrl"]
    secrets = boto3.client(
        "secretsmanager",
        endpoint_url=emulated.url,
        region_name=REGION,
        aws_access_key_id=emulated.credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=emulated.credentials["AWS_SECRET_ACCESS_KEY"],
    )
    secret = secrets.create_secret(Name=f"webhooks-{cloud.transcripts[-12:]}", SecretString="A" * 40)["ARN"]
    settings = replace(cloud.settings, webhook_queue_url=webhooks, webhook_secret=secret).to_environ()
    names = ("QUEUE_URL", "RECORDINGS_BUCKET", "TRANSCRIPTS_BUCKET", "WEBHOOK_QUEUE_URL", "WEBHOOK_SECRET")
    own = {f"WHISPER_{name}": settings[f"WHISPER_{name}"] for name in names}
    return emulated.environ() | {"AWS_DEFAULT_REGION": REGION} | own


@pytest.mark.timeout(600)
def test_nothing_that_is_sent_breaks_the_promises(tmp_path: Path, cloud: Cloud, emulated: Emulator) -> None:
    """Schemathesis sends what the description allows and what it does not: no 5xx, and no answer beside it.

    Jobs are there, too, with buckets, queues and webhooks: of a recording that has failed, so that each has an end.
    """
    upload = cloud.upload("calls/1.wav", b"RIFF", announce=False)
    failure = results.failure_document(upload, NotAudio(size=4), at="2026-01-31T12:00:00.000+00:00")
    cloud.put(ResultKeys(upload).failure, failure)
    environ = behind(cloud, emulated)
    with running_server(model=str(standin.MODEL), WHISPER_REQUESTS_PER_MINUTE="100000", **environ) as server:
        job = httpx2.post(f"{server.url}/jobs", json={"key": upload.key}, timeout=60).json()["id"]
        done = subprocess.run(
            [
                *(Path(sys.executable).with_name("schemathesis"), "run", f"{server.url}{DESCRIPTION_PATH}"),
                *("--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "10"),
                *("--seed", "1", "--no-color", *PATIENCE),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": HOOKS, "KEY": upload.key, "JOB": job},
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )
        answered = httpx2.get(f"{server.url}/metrics", timeout=60).text.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    # Jobs were taken and shown, and not only refused.
    for path, status in (("/jobs", 202), ("/jobs/{id}", 200), ("/jobs/{id}", 204)):
        assert [line for line in answered if f'path="{path}"' in line and f'status="{status}"' in line]
