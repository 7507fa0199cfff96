"""The image is built, and its container runs as an unprivileged user with a read-only root and no network access."""

import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from demo.accuracy import word_error_rate
from demo.truth import load_calls
from local import sbom
from local.container import Container, running
from local.errors import LocalError
from local.image import REVISION, ROOT, Image, Store, commit
from service.engine.detector import MODEL as DETECTOR
from service.engine.lock import locked
from service.http import description
from tests import standin

# The first build makes the base and downloads packages.
pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]

CALLS = load_calls()
MOST_WRONG = 0.05
LOCKED_MODEL = locked()["base"]
HUB_FOLDER = f"models--{LOCKED_MODEL.repository.replace('/', '--')}"
# Name, version and, if it is not for every system and Python, a semicolon.
LOCKED = re.findall(r"(?m)^([\w.-]+)==(\S+) (;?)", (ROOT / "service/requirements.txt").read_text())


@pytest.fixture(scope="module")
def image() -> Image:
    """A release image with the default model."""
    return Store().build(model="base", release=True)


@pytest.fixture(scope="module")
def api(image: Image) -> Iterator[Container]:
    """The image's API, ready."""
    with running(image) as container:
        container.wait_until_ready()
        yield container


def transcribe(container: Container, name: str) -> dict[str, Any]:
    """The API's answer to a sample call."""
    answer: dict[str, Any] = json.loads(
        container.curl("/transcribe", "--form", f"audio_file=@{CALLS[name].path}", "--max-time", "120")
    )
    return answer


def packages(image: Image) -> dict[str, str]:
    """Version by name of every Python package in the image."""
    folders = image.root.glob("**/*.dist-info")
    named = (folder.name.removesuffix(".dist-info").partition("-") for folder in folders)
    return {name.lower().replace("_", "-"): version for name, _, version in named}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_container_transcribes_the_sample_calls(api: Container, name: str) -> None:
    """A call over HTTP is transcribed, though the container has no route to any network."""
    assert word_error_rate((CALLS[name], transcribe(api, name)["transcription"])) <= MOST_WRONG
    routes = api.exec("cat", "/proc/net/route").stdout.splitlines()
    assert len(routes) == 1  # the table's header


def test_nothing_is_left_of_a_call(api: Container) -> None:
    """Neither the recording, nor a library's report about it."""
    transcribe(api, "voicemail.wav")
    assert api.exec("find", "/tmp", "-type", "f").stdout == ""


def test_health_check_needs_no_other_program(api: Container) -> None:
    """ECS and compose run it with the image's Python."""
    assert api.exec("python", "-m", "service", "health").returncode == 0
    assert api.exec("sh", "-c", "command -v curl wget").stdout == ""


def test_service_is_the_first_process_and_has_no_rights(api: Container) -> None:
    """An unprivileged user, without capabilities or a way to gain any."""
    assert api.exec("cat", "/proc/1/cmdline").stdout.split("\0")[:4] == ["python", "-m", "service", "api"]
    status = dict(line.split(":\t", 1) for line in api.exec("cat", "/proc/1/status").stdout.splitlines())
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"65534"}
    assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize("folder", ["/", "/app", "/app/service", "/app/hub", "/opt/venv", "/var", "/etc"])
def test_root_cannot_be_written(api: Container, folder: str) -> None:
    """The root filesystem is read-only everywhere."""
    assert "Read-only file system" in api.exec("touch", f"{folder}/new").stderr


def test_tmp_can_be_written(api: Container) -> None:
    """Recordings are spooled there; everyone may write, and only a file's owner may remove it."""
    assert api.exec("sh", "-c", "touch /tmp/new && stat --format=%a /tmp && rm /tmp/new").stdout == "1777\n"


def test_image_configures_what_tasks_rely_on(image: Image) -> None:
    """The user, the volume and the command; labels name the commit and the model."""
    assert image.config["User"] == "65534:65534"
    assert image.config["Volumes"] == {"/tmp": {}}
    assert (image.config["Entrypoint"], image.config["Cmd"]) == (["python", "-m", "service"], ["api"])
    # Files may have changed since the build.
    revision = image.config["Labels"][REVISION]
    assert revision.removesuffix("-dirty") == commit().removesuffix("-dirty")
    assert image.config["Labels"]["whisper-fargate.model"] == "base"


def test_image_holds_the_locked_packages_and_no_others(image: Image) -> None:
    """Not even pip."""
    found = packages(image)
    assert set(found.items()) <= {(name, version) for name, version, _ in LOCKED}
    assert {name for name, _, condition in LOCKED if not condition} <= set(found)


def test_image_holds_nothing_but_the_service(image: Image) -> None:
    """No tests, no stacks, no pip configuration."""
    assert {path.name for path in (image.root / "app").iterdir()} == {"service", "hub"}
    assert {path.name for path in (image.root / "app/hub").iterdir()} <= {HUB_FOLDER, ".locks", "CACHEDIR.TAG"}
    assert {path.name for path in (image.root / "opt").iterdir()} == {"venv"}
    written = {path.suffix for path in (image.root / "app/service").rglob("*") if path.is_file()}
    # The description of the API, the golden calls that the canary sends, and the files of the page.
    assert written == {".py", ".pyc", ".json", ".yaml", ".wav", ".css", ".html", ".js", ".svg"}
    assert not [path for path in (image.root / "opt/venv").rglob("tests") if path.is_dir()]
    assert not (image.root / "etc/pip.conf").exists()


def test_call_in_flight_is_answered_before_the_end(image: Image) -> None:
    """After SIGTERM to the first process, accepted calls are answered and the exit code is 0."""
    with running(image) as container:
        container.wait_until_ready()
        heard: list[dict[str, Any]] = []
        caller = threading.Thread(target=lambda: heard.append(transcribe(container, "voicemail.wav")))
        caller.start()
        time.sleep(0.3)
        assert container.stop() == 0
        caller.join(10)
        assert heard


def test_service_that_is_stopped_as_it_starts_ends_at_once(image: Image) -> None:
    """The kernel drops signals that a first process does not handle; this one handles SIGTERM before the model is loaded."""
    with running(image) as container:
        container.wait_until_it_handles_signals()
        stopped = time.monotonic()
        assert container.stop() == 0
        assert time.monotonic() - stopped < 10
        assert "ready" not in container.log.read_text()


def test_worker_of_the_same_image_ends_with_its_signal(image: Image) -> None:
    """A worker whose queue is unreachable still ends on SIGTERM."""
    environ = {
        "WHISPER_QUEUE_URL": "http://127.0.0.1:9/queue",
        "WHISPER_RECORDINGS_BUCKET": "recordings",
        "WHISPER_TRANSCRIPTS_BUCKET": "transcripts",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }
    with running(image, service="worker", environ=environ) as container:
        container.wait_until_logged('"message": "ready"')
        assert container.stop() == 0


def test_mounted_model_is_served(image: Image) -> None:
    """As from a file system: the settings name its folder."""
    with running(image, environ={"WHISPER_MODEL": "/models/own"}, mounts={standin.MODEL: "/models/own"}) as container:
        container.wait_until_ready()
        assert transcribe(container, "voicemail.wav")["metadata"]["channels"] == 1


def test_model_that_is_not_in_the_image_is_one_line(image: Image) -> None:
    """A task with another model than its image ends with an error."""
    with running(image, environ={"WHISPER_MODEL": "small"}) as container:
        assert container.process.wait(60) == 2
        (line,) = container.log.read_text().splitlines()
    assert line.startswith(
        "whisper-fargate: WHISPER_MODEL: no source serves the model (folder: no models/small; cache: "
    )
    assert "(got 'small'); expected" in line


def test_release_with_a_model_that_is_not_locked_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    """A release build refuses weights that are not locked before it downloads them."""
    with pytest.raises(LocalError, match="`buildah bud` ended with"):
        Store().build(model="tiny", release=True)
    said = "whisper-fargate: MODEL: a release contains no model that is not locked (got 'tiny')"
    assert said in "".join(capfd.readouterr())


def test_bill_of_materials_names_what_is_in_the_image(image: Image, tmp_path: Path) -> None:
    """A valid CycloneDX document with every Python and Debian package of the image."""
    file = tmp_path / "sbom.json"
    count = sbom.write(image, file)
    bill = json.loads(file.read_text())
    assert JsonStrictValidator(SchemaVersion.from_version(bill["specVersion"])).validate_str(file.read_text()) is None
    named = {part["purl"] for part in bill["components"]}
    assert len(named) == count
    assert {f"pkg:pypi/{name}@{version}" for name, version in packages(image).items()} <= named
    assert any(purl.startswith("pkg:deb/debian/libc6@") for purl in named)


def test_weights_are_the_locked_ones(image: Image) -> None:
    """Byte for byte, whatever source served the build."""
    assert LOCKED_MODEL.difference(image.root / "app/hub" / HUB_FOLDER / "snapshots" / LOCKED_MODEL.revision) == ""


def test_openvino_comes_with_its_cpu_plugin_alone(api: Container, image: Image) -> None:
    """What is left of the package still runs the voice detector, and Whisper's encoder without a fallback."""
    (package,) = image.root.glob("opt/venv/lib/python3*/site-packages/openvino")
    plugins = [path.name for path in package.rglob("*_plugin.so")]
    assert [name for name in plugins if not name.endswith("_cpu_plugin.so")] == []
    assert len(plugins) == 1
    assert "encoder unavailable" not in api.log.read_text()


def test_swagger_ui_comes_with_what_is_served(api: Container, image: Image) -> None:
    """And with its licence; the page and its files are there without a key and without the internet."""
    (package,) = image.root.glob("opt/venv/lib/python3*/site-packages/drf_spectacular_sidecar")
    assert {path.name for path in package.rglob("*") if path.is_file()} == {*description.ASSETS, "LICENSE"}
    for name in description.ASSETS:
        api.curl(f"{description.DOCS_PATH}/{name}", "--output", "/dev/null")
    assert json.loads(api.curl(description.DESCRIPTION_PATH))["openapi"].startswith("3.1")


def test_detector_comes_without_its_other_models(image: Image) -> None:
    """Of the detector's package, the image holds the one file that the service reads."""
    (package,) = image.root.glob("opt/venv/lib/python3*/site-packages/silero_vad")
    assert [path.relative_to(package.parent).as_posix() for path in package.rglob("*") if path.is_file()] == [DETECTOR]
