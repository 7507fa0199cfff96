"""Golden calls: short recordings whose words are known.

Those of the service are cut from two sample calls, as a telephone carries them: a dozen seconds, µ-law, one channel.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.settings import SettingError, Settings

FOLDER = Path(__file__).with_name("golden")
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenCall:
    """A recording and its words.

    Attributes:
        language: ISO 639 code.
        judged: whether the model is allowed to answer in this language, so that its words can be compared.
    """

    audio: bytes
    language: str
    words: str
    judged: bool


def choose(settings: Settings, folder: Path = FOLDER) -> GoldenCall:
    """The first call of a folder in a language that callers speak under these settings, else its first call.

    Raises:
        SettingError: the folder has no manifest like that of the gate, or not the call that it lists.
    """
    try:
        calls = json.loads((folder / MANIFEST).read_text("utf-8"))["recordings"]
        spoken = _spoken(settings)
        understood = [call for call in calls if not spoken or call["language"] in spoken]
        return _read((*understood, *calls)[0], folder, judged=bool(understood))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise SettingError("--golden", folder, f"a folder with {MANIFEST} and its calls ({error!r})") from error


def _spoken(settings: Settings) -> tuple[str, ...]:
    """The languages in which the model may answer; empty for any."""
    if settings.model.endswith(".en"):
        return ("en",)
    return (settings.language,) if settings.language else settings.spoken_languages


def _read(call: dict[str, Any], folder: Path, *, judged: bool) -> GoldenCall:
    return GoldenCall(
        audio=(folder / call["audio"]).read_bytes(),
        language=call["language"],
        words=" ".join(turn["text"] for turn in call["turns"]),
        judged=judged,
    )
