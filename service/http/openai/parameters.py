"""The parameters of OpenAI's audio routes: read, or refused with the reason."""

import json
import math
from dataclasses import dataclass

from starlette.datastructures import FormData

from service.engine.guidance import UNGUIDED, Guidance
from service.errors import InvalidValue, UnsupportedParameter, UnsupportedValue
from service.http.openai.fields import Fields, check_choice, read_number
from service.http.openai.models import Served
from service.recording import MAX_CHANNELS, Recording

DIARIZED, VERBOSE = "diarized_json", "verbose_json"
TRANSLATION_FORMATS = ("json", "text", "srt", VERBOSE, "vtt")
FORMATS = (*TRANSLATION_FORMATS, DIARIZED)
STREAMED_FORMATS = ("json", "text", DIARIZED)
GRANULARITIES = ("word", "segment")
LOG_PROBABILITIES = "logprobs"
CHANNELS = tuple(map(str, range(1, MAX_CHANNELS + 1)))
# Who speaks on which channel, unless the request names them.
SPEAKERS = ("agent", "customer")

CHUNKING = "chunking_strategy"
# The numbers of `server_vad`, with the highest value of each.
VAD_NUMBERS = {"threshold": 1.0, "prefix_padding_ms": math.inf, "silence_duration_ms": math.inf}
VAD_KEYS = ("type", *VAD_NUMBERS)

TRANSLATION_FIELDS = ("model", "prompt", "response_format", "temperature")
SINGLE_FIELDS = (
    *TRANSLATION_FIELDS,
    *("language", "stream", "hotwords", "vad_filter", "channels", CHUNKING),
    *(f"{CHUNKING}[{key}]" for key in VAD_KEYS),
)
LIST_FIELDS = (
    *("timestamp_granularities", "include", "keywords", "languages"),
    *("known_speaker_names", "known_speaker_references"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The wishes of a request.

    Attributes:
        form: the format of the answer.
        stream: whether the answer comes in events.
        granularities: the times that `verbose_json` has, of `GRANULARITIES`.
        log_probabilities: whether the answer has those of its words.
        channels: how many the recording must have; 0 for any number.
        speakers: the names of the channels' speakers, for `diarized_json`.
        language: ISO 639 code; empty to detect it.
        guidance: of the model.
    """

    form: str
    stream: bool = False
    granularities: tuple[str, ...] = ("segment",)
    log_probabilities: bool = False
    channels: int = 0
    speakers: tuple[str, ...] = SPEAKERS
    language: str = ""
    guidance: Guidance = UNGUIDED

    def accept(self, recording: Recording) -> None:
        """Raise `UnsupportedValue` if the recording has not the channels that the request, or its answer, needs."""
        if self.channels and recording.channels != self.channels:
            raise UnsupportedValue(
                field="channels",
                value=f"{self.channels}; a recording with {recording.channels}",
                expected="the number that the recording has, or no number",
            )
        if self.form == DIARIZED:
            distinct = len(recording.distinct_channels())
            if not distinct == recording.channels == len(self.speakers):
                raise UnsupportedValue(
                    field="response_format",
                    value=f"{DIARIZED}; distinct channels: {distinct}",
                    expected=f"a recording with a channel for each of {', '.join(self.speakers)}, or other"
                    " known_speaker_names[], in the order of the channels",
                )


def transcription(form: FormData, model: Served) -> Parameters:
    """The parameters of `POST /v1/audio/transcriptions`.

    Raises:
        InvalidField: a parameter is missing, unknown or wrong, or does not go with another one.
        NoSuchModel: the service has no such model.
    """
    fields = Fields(form, single=SINGLE_FIELDS, lists=LIST_FIELDS)
    _check_model(fields, model)
    chosen = fields.choice("response_format", default="json", among=FORMATS)
    stream = fields.flag("stream")
    if stream and chosen not in STREAMED_FORMATS:
        raise UnsupportedValue(
            field="response_format", value=chosen, expected=f"one of {', '.join(STREAMED_FORMATS)}, if stream is true"
        )
    if fields.every("known_speaker_references"):
        raise UnsupportedParameter(
            field="known_speaker_references",
            expected="a recording with a channel for each speaker: they are told apart by channel, not by voice",
        )
    _check_vad(fields)
    return Parameters(
        form=chosen,
        stream=stream,
        granularities=_granularities(fields, chosen),
        log_probabilities=_log_probabilities(fields, chosen),
        channels=_channels(fields),
        speakers=fields.every("known_speaker_names") or SPEAKERS,
        language=fields.one("language"),
        guidance=Guidance(
            languages=_languages(fields),
            prompt=fields.one("prompt"),
            keywords=tuple(filter(None, (*fields.every("keywords"), fields.one("hotwords").strip()))),
            temperature=fields.number("temperature", low=0, high=1),
        ),
    )


def translation(form: FormData, model: Served) -> Parameters:
    """The parameters of `POST /v1/audio/translations`; raises as `transcription` does."""
    fields = Fields(form, single=TRANSLATION_FIELDS, lists=())
    _check_model(fields, model)
    return Parameters(
        form=fields.choice("response_format", default="json", among=TRANSLATION_FORMATS),
        guidance=Guidance(
            translate=True,
            prompt=fields.one("prompt"),
            temperature=fields.number("temperature", low=0, high=1),
        ),
    )


def _check_model(fields: Fields, model: Served) -> None:
    model.check(fields.needed("model", expected=f"one of {', '.join(model.names)}"))


def _granularities(fields: Fields, chosen: str) -> tuple[str, ...]:
    asked = fields.every("timestamp_granularities")
    for value in asked:
        check_choice("timestamp_granularities", value, GRANULARITIES)
    if asked and chosen != VERBOSE:
        raise UnsupportedValue(
            field="timestamp_granularities",
            value=", ".join(asked),
            expected=f"response_format {VERBOSE}, which alone has times of that kind",
        )
    return asked or ("segment",)


def _log_probabilities(fields: Fields, chosen: str) -> bool:
    asked = fields.every("include")
    for value in asked:
        check_choice("include", value, (LOG_PROBABILITIES,))
    if asked and chosen != "json":
        raise UnsupportedValue(field="include", value=LOG_PROBABILITIES, expected="response_format json")
    return bool(asked)


def _channels(fields: Fields) -> int:
    value = fields.one("channels")
    if value:
        check_choice("channels", value, CHANNELS)
    return int(value or 0)


def _languages(fields: Fields) -> frozenset[str]:
    language, languages = fields.one("language"), fields.every("languages")
    if language and languages and language not in languages:
        raise UnsupportedValue(
            field="languages", value=", ".join(languages), expected=f"{language} among them, as language says"
        )
    return frozenset(languages)


def _check_vad(fields: Fields) -> None:
    """Check how the request would find speech. The engine has its own way, which was measured, and always takes it."""
    if fields.one("vad_filter") and not fields.flag("vad_filter"):
        raise UnsupportedValue(
            field="vad_filter", value="false", expected="true: the model only hears what may be speech"
        )
    given = fields.one(CHUNKING)
    nested = {key: value for key in VAD_KEYS if (value := fields.one(f"{CHUNKING}[{key}]"))}
    if given.startswith("{") and not nested:
        given, nested = "", _read_object(given)
    if given:
        check_choice(CHUNKING, given, ("auto",))
        if nested:
            raise InvalidValue(field=CHUNKING, value=given, expected="auto or an object, not both")
    if nested:
        check_choice(f"{CHUNKING}[type]", nested.get("type", ""), ("server_vad",))
        for key in nested.keys() & VAD_NUMBERS:
            read_number(f"{CHUNKING}[{key}]", nested[key], low=0, high=VAD_NUMBERS[key])


def _read_object(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not found or not found.keys() <= set(VAD_KEYS):
        expected = f"auto, or an object with {', '.join(VAD_KEYS)}"
        raise InvalidValue(field=CHUNKING, value=text, expected=expected)
    return {key: str(value) for key, value in found.items()}
