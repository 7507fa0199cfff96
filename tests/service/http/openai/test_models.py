"""The list of models."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from service.http.openai.models import served
from tests.service.http.fakes import SETTINGS, error


def test_model_has_its_own_name_and_that_of_openai(client: TestClient) -> None:
    """Each can be retrieved by itself."""
    listed = client.get("/v1/models").json()
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["base", "whisper-1"]
    assert {"object": "model", "owned_by": "whisper-fargate"}.items() <= listed["data"][0].items()
    assert [client.get(f"/v1/models/{model['id']}").json() for model in listed["data"]] == listed["data"]


def test_unknown_model_is_not_found(client: TestClient) -> None:
    """In OpenAI's words."""
    response = client.get("/v1/models/gpt-9")
    assert (response.status_code, error(response)["code"], error(response)["param"]) == (
        404,
        "model_not_found",
        "model",
    )


@pytest.mark.parametrize("model", ["/models/calls", "s3://bucket/models/calls", "models/calls/"])
def test_folder_is_known_by_its_last_part(model: str) -> None:
    """The rest tells about the machine."""
    assert served(replace(SETTINGS, model=model)).names == ("calls", "whisper-1")
