"""Settings: one variable each, read and validated in one place."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from service.settings import MAX_STOP_TIMEOUT_SECONDS, SettingError, Settings, variable

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "settings.md"


def test_settings_survive_the_environment() -> None:
    """The service reads back the environment that infrastructure writes."""
    settings = Settings(model="small", language="fr", window_seconds=24.5, port=9000, exact=True)
    assert Settings.from_environ(settings.to_environ()) == settings


def test_settings_ignore_foreign_variables() -> None:
    """Only `WHISPER_…` variables belong to the service."""
    assert Settings.from_environ({"PATH": "/bin", "PORT": "1"}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("WHISPER_PORT", "eighty", "a whole number from 1 to 65535"),
        ("WHISPER_PORT", "0", "a whole number from 1 to 65535"),
        ("WHISPER_WINDOW_SECONDS", "nan", "a number from 23.0 to 28.0"),
        ("WHISPER_MAX_AUDIO_SECONDS", "-1", "a whole number from 1 to 86400"),
        ("WHISPER_LANGUAGE", "klingon", "an ISO 639 code"),
        ("WHISPER_COMPUTE_TYPE", "int9", "one of auto, int8, int8_float32, float32"),
        ("WHISPER_MODEL", "", "a non-empty text"),
        ("WHISPER_EXACT", "yes", "true or false"),
        ("WHISPER_MODEL_SHA256", "ABC", "64 lower-case hex digits, or nothing"),
        ("WHISPER_MODLE", "base", "one of the known settings: WHISPER_API_DEADLINE_SECONDS, WHISPER_API_KEYS, "),
    ],
)
def test_refusal_names_variable_value_and_expectation(name: str, value: str, expected: str) -> None:
    """A setting that does not parse, breaks its rule or does not exist is refused by name."""
    with pytest.raises(SettingError) as refusal:
        Settings.from_environ({name: value})
    assert str(refusal.value).startswith(f"{name}: got {value!r}, expected {expected}")


@pytest.mark.parametrize(("text", "on"), [("true", True), ("True", True), (" false ", False), ("FALSE", False)])
def test_switch_is_true_or_false_in_any_case(text: str, on: bool) -> None:  # noqa: FBT001
    """No other text is guessed at: `0` or `no` would be on as Python reads them."""
    assert Settings.from_environ({"WHISPER_EXACT": text}).exact is on


def test_settings_that_contradict_each_other_are_refused() -> None:
    """The exact mode is CTranslate2's, and each worker needs a thread."""
    with pytest.raises(SettingError, match=r"^WHISPER_ENCODER: got 'openvino', expected .* WHISPER_EXACT is true$"):
        Settings(exact=True, encoder="openvino")
    with pytest.raises(SettingError, match=r"^WHISPER_WORKERS: got '3', expected at most WHISPER_THREADS, which is 2$"):
        Settings(threads=2, workers=3)
    assert (Settings(threads=2, workers=2).workers, Settings(workers=3).workers) == (2, 3)


@pytest.mark.parametrize("deadline", [60, 600, 3600, 14_400])
def test_limits_follow_the_job_deadline(deadline: int) -> None:
    """Two heartbeats may be lost, and Fargate accepts the stop timeout."""
    settings = Settings(job_deadline_seconds=deadline)
    assert 3 * settings.heartbeat_seconds <= settings.visibility_timeout_seconds
    assert settings.stop_timeout_seconds <= MAX_STOP_TIMEOUT_SECONDS


@pytest.mark.parametrize("deadline", [60, 300, 600, 900])
def test_limits_of_a_call_over_http_follow_its_deadline(deadline: int) -> None:
    """No connection is silent for 350 s, after which gateways drop it, nor until the load balancer closes it."""
    settings = Settings(api_deadline_seconds=deadline)
    assert settings.silence_seconds <= deadline == settings.drain_seconds
    assert settings.silence_seconds < settings.idle_timeout_seconds < 350


@pytest.mark.parametrize("seconds", [10, 60, 900, 14_400])
def test_worker_rests_briefly_between_its_sessions(seconds: int) -> None:
    """A third of a session is left for the last messages; a rest costs a twentieth of it."""
    settings = Settings(session_seconds=seconds)
    assert 0 < settings.receiving_seconds <= seconds * 2 / 3
    assert 2 <= settings.rest_seconds <= max(2, seconds / 20)


def test_every_setting_is_documented_with_its_default() -> None:
    """The table in docs/settings.md agrees with the code."""
    rows = re.findall(r"^\| `(WHISPER_\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", DOCUMENT.read_text(), re.MULTILINE)
    documented = {name: (default.strip("`"), expected, text) for name, default, expected, text in rows}
    written = Settings().to_environ()
    assert documented == {
        variable(f.name): (written.get(variable(f.name), ""), f.metadata["expected"], f.metadata["doc"])
        for f in fields(Settings)
    }


@pytest.mark.parametrize("text", ["0123456789abcdef, fedcba9876543210", '["0123456789abcdef", "fedcba9876543210"]'])
def test_keys_are_a_line_or_a_list(text: str) -> None:
    """Secrets Manager may hold either form."""
    settings = Settings.from_environ({"WHISPER_API_KEYS": text})
    assert [key.secrets for key in settings.access_keys] == [("0123456789abcdef",), ("fedcba9876543210",)]


@pytest.mark.parametrize(
    "text", ["", " ", "[]", "[", "short", "0123456789abcdef,", '["0123456789abcdef"', "0123456789 abcdef"]
)
def test_invalid_keys_are_refused_and_not_shown(text: str) -> None:
    """A secret that is blank, cut off or too short stops the start: it never disables authentication."""
    with pytest.raises(SettingError, match=r"^WHISPER_API_KEYS: got .*, expected keys of 16 ") as refusal:
        Settings.from_environ({"WHISPER_API_KEYS": text})
    assert text.strip() in {"", "[", "[]"} or text not in str(refusal.value)


def test_secret_is_neither_written_nor_shown() -> None:
    """Templates, logs and tracebacks contain settings, but never a key."""
    settings = Settings(api_keys="0123456789abcdef")
    assert "WHISPER_API_KEYS" not in settings.to_environ()
    assert "0123456789abcdef" not in repr(settings)
