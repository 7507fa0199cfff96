"""`python -m service transcribe` as an operator runs it, and errors at the start of any verb."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import pytest

from demo.server import ROOT
from local.emulator import free_port
from tests.interrupted import interrupted
from tests.standin import CALLS, MODEL, VOICEMAIL

# The model hub's address is a closed port of this machine: the hub is unreachable, as without internet access.
OFFLINE = {"HF_ENDPOINT": "http://127.0.0.1:9"}


def service(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a verb to its end, with the stand-in unless `environ` names another model."""
    return connected(*arguments, environ=environ)


def connected(
    *arguments: str | Path,
    source: IO[bytes] | None = None,
    target: IO[bytes] | int = subprocess.PIPE,
    environ: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a verb whose standard input or output is a file or a pipe."""
    command = [sys.executable, "-m", "service", *map(str, arguments)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WHISPER_")}
    return subprocess.run(
        command,
        cwd=ROOT,
        env=inherited | {"WHISPER_MODEL": str(MODEL)} | dict(environ or {}),
        stdin=source,
        stdout=target,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def test_transcribe_writes_json_lines_and_nothing_else() -> None:
    """Standard output has one line per transcript; without a terminal there is no progress bar."""
    files = [CALLS["billing.wav"].path, VOICEMAIL]
    done = service("transcribe", *files)
    assert done.returncode == 0, done.stderr
    transcripts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [transcript["channels"] for transcript in transcripts] == [2, 1]
    assert [transcript["recording"] for transcript in transcripts] == list(map(str, files))
    assert {"language", "duration", "partial", "segments"} <= set(transcripts[0])
    assert {"model", "compute_type", "encoder", "processor"} <= set(transcripts[0]["provenance"])
    assert done.stderr == ""


def test_transcribe_writes_a_file_per_recording(tmp_path: Path) -> None:
    """With an output folder, standard output stays empty."""
    done = service("transcribe", VOICEMAIL, "--format", "srt", "--output", tmp_path / "new")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "new" / "voicemail.srt").read_text().startswith("1\n00:00:")


def test_transcribe_continues_after_a_bad_file(tmp_path: Path) -> None:
    """One line names the file and the error, the others are transcribed, and the exit code is 2."""
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.mp3").write_text("hello")
    missing = tmp_path / "missing.wav"
    done = service("transcribe", tmp_path / "empty.wav", tmp_path / "text.mp3", missing, VOICEMAIL)
    assert done.returncode == 2
    assert [json.loads(line)["recording"] for line in done.stdout.splitlines()] == [str(VOICEMAIL)]
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        str(tmp_path / "empty.wav"),
        str(tmp_path / "text.mp3"),
        str(missing),
    ]


def test_standard_input_and_pipes_are_transcribed() -> None:
    """As `-`, by the device's name, and as the shell's `<(…)`."""
    for name in ("-", "/dev/stdin"):
        with subprocess.Popen(["/bin/cat", VOICEMAIL], stdout=subprocess.PIPE) as pipe:
            done = connected("transcribe", name, source=pipe.stdout)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["recording"] == name
    command = f"{sys.executable} -m service transcribe <(cat {VOICEMAIL}) --format text"
    environ = os.environ | {"WHISPER_MODEL": str(MODEL)}
    shell = subprocess.run(["/bin/bash", "-c", command], cwd=ROOT, env=environ, capture_output=True, check=False)
    assert (shell.returncode, shell.stderr) == (0, b"")
    assert shell.stdout.strip()


def test_transcript_of_standard_input_has_a_name(tmp_path: Path) -> None:
    """In an output folder."""
    with VOICEMAIL.open("rb") as file:
        assert connected("transcribe", "-", "--output", tmp_path, source=file).returncode == 0
    assert json.loads((tmp_path / "stdin.json").read_text())["recording"] == "-"


def test_transcripts_are_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    """An ASCII terminal, and a file name that no encoding allows."""
    name = os.fsdecode(bytes(tmp_path) + b"/\xff\xc3\xa9.wav")
    Path(name).write_bytes(VOICEMAIL.read_bytes())
    done = service("transcribe", name, LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["recording"] == name


def test_full_disk_is_told_in_one_line_for_each_recording() -> None:
    """The others are tried all the same."""
    with Path("/dev/full").open("wb") as full:
        done = connected("transcribe", VOICEMAIL, VOICEMAIL, target=full)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"{VOICEMAIL}: [Errno 28] No space left on device"] * 2


@pytest.mark.parametrize(
    "arguments",
    [["transcribe", *[VOICEMAIL] * 3], ["--help"], ["jobs", "--help"], ["model", "fetch", MODEL], ["api"]],
    ids=lambda arguments: str(arguments[0]),
)
def test_closed_pipe_ends_any_verb_quietly(arguments: list[str | Path]) -> None:
    """As `| head` closes it; a server, whose log nothing reads any more, ends as it does on SIGTERM."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = connected(*arguments, target=pipe, environ={"WHISPER_PORT": str(free_port(0))})
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "library", "code"),
    [
        (["api"], "av", 0),
        (["api"], "ctranslate2", 0),
        (["worker"], "av", 0),
        (["transcribe", "x.wav"], "av", 130),
        (["transcribe", "x.wav"], "ctranslate2", 130),
    ],
)
def test_ctrl_c_during_the_start_ends_any_verb_without_a_word(words: list[str], library: str, code: int) -> None:
    """It is the good end of a verb that runs until then, so that make reports no error."""
    port = {"WHISPER_PORT": str(free_port(0))}
    done = interrupted("service", *words, library=library, environ={"WHISPER_MODEL": str(MODEL)} | port)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


@pytest.mark.parametrize("output", ["file", "file/below", "folder"])
def test_output_that_cannot_be_written_is_refused_before_the_model_is_loaded(tmp_path: Path, output: str) -> None:
    """An hour of work is not lost at its end."""
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "call.json").mkdir(parents=True)
    done = service("transcribe", "call.wav", "--output", tmp_path / output, WHISPER_MODEL="no such model")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("whisper-fargate: --output: no transcript can be written there (")
    assert line.endswith("expected a folder to write to")


def test_transcript_that_cannot_be_written_stops_no_other(tmp_path: Path) -> None:
    """Its name is too long for a file of ours, or its folder has vanished: the line names it."""
    long = tmp_path / f"{'x' * 248}.wav"
    long.write_bytes(VOICEMAIL.read_bytes())
    done = service("transcribe", long, VOICEMAIL, "--output", tmp_path / "new")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{long}: ")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["voicemail.json"]


def test_recordings_with_the_same_name_are_refused_before_the_first_is_transcribed(tmp_path: Path) -> None:
    """No transcript overwrites another."""
    done = service("transcribe", "a/call.wav", "b/call.wav", "--output", tmp_path)
    assert done.returncode == 2
    assert "FILE: two recordings would write the same transcript (got 'call.json')" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environ", "told"),
    [
        (["transcribe", "x.wav"], {"WHISPER_PORT": "x"}, "WHISPER_PORT: got 'x', expected a whole number"),
        (["transcribe", "x.wav"], {"WHISPER_MODEL": "smal"}, "WHISPER_MODEL: no such model (got 'smal'); expected"),
        (
            ["transcribe", "x.wav"],
            {"WHISPER_MODEL": "tiny", **OFFLINE},
            "WHISPER_MODEL: no source serves the model (folder: no models/tiny; cache: not there; hub: ",
        ),
        (["transcribe", "x.wav", "--language", "xx"], {}, "language: unknown language (got 'xx'); expected an ISO"),
        (["api"], {"WHISPER_HOST": "256.1.1.1"}, "WHISPER_HOST: got '256.1.1.1', expected an address"),
    ],
)
def test_invalid_start_prints_one_line_and_exits_with_2(
    tmp_path: Path, arguments: list[str], environ: dict[str, str], told: str
) -> None:
    """The line names the setting, model or language that does not exist, and the values that work."""
    done = service(*arguments, **environ, HF_HOME=str(tmp_path))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"whisper-fargate: {told}" in done.stderr


def test_worker_refuses_one_bucket_for_recordings_and_results() -> None:
    """Each result would be announced as a recording, and transcribed in turn."""
    buckets = {"WHISPER_RECORDINGS_BUCKET": "calls", "WHISPER_TRANSCRIPTS_BUCKET": "calls"}
    done = service("worker", WHISPER_QUEUE_URL="http://127.0.0.1:9/queue", **buckets)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("whisper-fargate: WHISPER_TRANSCRIPTS_BUCKET: got 'calls', expected a bucket other than")


def test_port_in_use_prints_one_line_and_exits_with_2() -> None:
    """The port is bound before the model is loaded."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = service("api", WHISPER_PORT=str(port))
    assert done.returncode == 2
    assert f"WHISPER_PORT: got '{port}', expected a port free on 127.0.0.1" in done.stderr


def test_model_in_the_cache_starts_without_the_hub(tmp_path: Path) -> None:
    """A model that was downloaded once needs no network."""
    repository = tmp_path / "hub" / "models--Systran--faster-whisper-tiny"
    (repository / "snapshots").mkdir(parents=True)
    (repository / "snapshots" / ("0" * 40)).symlink_to(MODEL)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    done = service("transcribe", VOICEMAIL, WHISPER_MODEL="tiny", HF_HOME=str(tmp_path), **OFFLINE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["segments"]
