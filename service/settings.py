"""The service's settings: one environment variable each, read and validated once.

Standard library only: the stacks import this module to write a container's environment
(`Settings(...).to_environ()`), so infrastructure and service cannot disagree.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from service.access import AccessKey, are_keys, read_keys
from service.key_filter import MAX_KEY_BYTES, KeyFilter, are_prefixes, are_suffixes, listed

PREFIX = "WHISPER_"

# Fargate sends SIGKILL at most this long after SIGTERM.
MAX_STOP_TIMEOUT_SECONDS = 120
# The reserved part of the keys of golden calls, with a name that no recorder uses by chance.
CANARY_FOLDER = "whisper-canary/"
# Likewise, of the recordings that callers of the API upload for their jobs.
JOB_FOLDER = "whisper-jobs/"
# Gateways between a caller and the API (NAT, PrivateLink, network load balancers) drop a connection that is silent for
# 350 seconds, and tell neither side. The load balancer closes idle connections shortly before.
MAX_IDLE_TIMEOUT_SECONDS = 340
# The longest time without a byte of the answer to a call.
MAX_SILENCE_SECONDS = 300

# The languages of Whisper's multilingual tokenizer, as ISO 639 codes.
_CODES = (
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi"
    " hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn"
    " no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi"
    " yi yo yue zh"
)
LANGUAGES = frozenset(_CODES.split())
# The models that are known by name: those that faster-whisper finds on the hub.
MODELS = frozenset(
    {
        *("tiny", "base", "small", "medium", "large-v1", "large-v2", "large-v3", "large", "large-v3-turbo", "turbo"),
        *("tiny.en", "base.en", "small.en", "medium.en"),
        *("distil-small.en", "distil-medium.en", "distil-large-v2", "distil-large-v3", "distil-large-v3.5"),
    }
)
ANY_EXACT = "auto"
COMPUTE_TYPES = (ANY_EXACT, "int8", "int8_float32", "float32")
ANY_PROVEN = "auto"
# The text of a setting that is on or off.
SWITCH = {"true": True, "false": False}
ENCODERS = (ANY_PROVEN, "ctranslate2", "openvino")


class WrongValue(ValueError):
    """A value that is refused: its message gives the name, the value and the expectation.

    >>> str(WrongValue("WHISPER_PORT", 0, "a whole number from 1 to 65535"))
    "WHISPER_PORT: got '0', expected a whole number from 1 to 65535"
    """

    def __init__(self, name: str, value: object, expected: str) -> None:
        self.name, self.value, self.expected = name, value, expected
        super().__init__(f"{name}: got {str(value)!r}, expected {expected}")


class SettingError(WrongValue):
    """A setting that does not parse, breaks its rule or has an unknown name."""


Check = Callable[[Any], bool]


def setting(default: Any, doc: str, *, expected: str, check: Check) -> Any:
    """A dataclass field with its documentation, its rule and the rule's wording."""
    return field(default=default, metadata={"doc": doc, "expected": expected, "check": check})


def _text(default: str, doc: str, *, expected: str = "a non-empty text", check: Check = bool) -> Any:
    return setting(default, doc, expected=expected, check=check)


def _anything(default: str, doc: str) -> Any:
    return setting(default, doc, expected="any text, or nothing", check=lambda _: True)


def _secret(doc: str, *, expected: str, check: Check) -> Any:
    """A setting that is never shown and that `to_environ` omits: the container gets it from a vault."""
    metadata = {"doc": doc, "expected": expected, "check": check, "secret": True}
    return field(default="", repr=False, metadata=metadata)


def _between(default: float, low: float, high: float, doc: str) -> Any:
    kind = "a whole number" if isinstance(default, int) else "a number"
    return setting(default, doc, expected=f"{kind} from {low} to {high}", check=lambda v: low <= v <= high)


def _switch(doc: str, *, default: bool = False) -> Any:
    """A setting that is on or off."""
    return setting(default=default, doc=doc, expected="true or false", check=lambda _: True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The service's settings. Each field `name` is read from `WHISPER_NAME`.

    >>> Settings.from_environ({"WHISPER_PORT": "9000"}).port
    9000
    >>> Settings(port=9000).to_environ()["WHISPER_PORT"]
    '9000'
    """

    model: str = _text(
        "base", "Model: a name (`base`, `small`, `large-v3-turbo`, …), a folder, or `s3://BUCKET/PREFIX`."
    )
    model_sha256: str = _text(
        "",
        "SHA-256 over the model's files, checked at the start; empty checks nothing.",
        expected="64 lower-case hex digits, or nothing",
        check=lambda v: v == "" or (len(v) == 64 and set(v) <= set("0123456789abcdef")),
    )
    model_mirror: str = _text(
        "",
        "`s3://BUCKET/PREFIX` with a folder per locked model, a source of named models beside the hub; empty for none.",
        expected="s3://BUCKET/PREFIX, or nothing",
        check=lambda v: v == "" or re.fullmatch(r"s3://[^/]+/.+", v) is not None,
    )
    compute_type: str = _text(
        ANY_EXACT,
        "Number format to compute in; `auto` is int8, but float32 on a processor whose int8 arithmetic overflows.",
        expected=f"one of {', '.join(COMPUTE_TYPES)}",
        check=lambda v: v in COMPUTE_TYPES,
    )
    encoder: str = _text(
        ANY_PROVEN,
        "Runtime of the model's encoder; `auto` is the fastest one that is proven on this kind of processor.",
        expected=f"one of {', '.join(ENCODERS)}",
        check=lambda v: v in ENCODERS,
    )
    exact: bool = _switch(
        "Whether transcripts are those of faster-whisper's batched pipeline, token for token: for comparisons, and slower."
    )
    threads: int = _between(0, 0, 256, "CPU threads for inference; 0 follows the container's CPU quota.")
    workers: int = _between(0, 0, 256, "Batches that run at once, each on its share of the threads; 0: one per thread.")
    language: str = _text(
        "",
        "Language of every call, as an ISO 639 code; empty detects it once per call.",
        expected="an ISO 639 code that Whisper knows (such as en or fr), or nothing",
        check=lambda v: v == "" or v in LANGUAGES,
    )
    languages: str = _text(
        "",
        "Languages that callers speak, as ISO 639 codes separated by commas; detection chooses among them; empty: any.",
        expected="ISO 639 codes that Whisper knows, separated by commas (such as en,fr), or nothing",
        check=lambda v: v == "" or set(v.split(",")) <= LANGUAGES,
    )
    beam_size: int = _between(5, 1, 20, "Beam width of the decoder; 1 is greedy.")
    batch_size: int = _between(8, 1, 64, "Speech windows decoded together.")
    window_seconds: float = _between(
        28.0, 23.0, 28.0, "Longest speech window, in seconds; Whisper takes 30 and expects silence at the end."
    )
    max_audio_seconds: int = _between(
        5400, 1, 86_400, "Longest recording accepted, in seconds; a longer one is refused, never cut."
    )
    max_upload_bytes: int = _between(
        1_073_741_824, 1024, 5_368_709_120, "Largest upload accepted, in bytes; a larger one is refused."
    )
    max_running: int = _between(4, 1, 64, "Requests that the engine works on at once, a batch of each in turn.")
    lanes: int = _between(2, 1, 16, "Recordings that a worker works on at once, a batch of each in turn.")
    max_waiting: int = _between(
        16, 0, 10_000, "Uploads of the largest size that may be on the disk beside those of running requests."
    )
    max_wait_seconds: int = _between(
        60, 1, 900, "Longest expected wait in the queue, in seconds; a call beyond it is answered 503 with Retry-After."
    )
    max_requests: int = _between(128, 1, 10_000, "Requests under way at once; one more is answered 503.")
    max_client_requests: int = _between(
        64, 1, 10_000, "Requests and connections of one address at once; one more is answered 429."
    )
    requests_per_minute: int = _between(
        600, 0, 1_000_000, "Requests a minute of one key, or of one address without keys; 0 for any number."
    )
    upload_bytes_per_second: int = _between(
        10_000, 1, 1_000_000_000, "Lowest rate of an upload after its first seconds; a slower one is answered 408."
    )
    upload_seconds: int = _between(300, 1, 900, "Time limit of an upload, in seconds; a longer one is answered 408.")
    stuck_seconds: int = _between(
        600, 10, 3600, "How long a batch may take before the engine counts as stuck and the API as dead, in seconds."
    )
    proxies: int = _between(
        0, 0, 5, "Load balancers in front, each of which adds the address that it sees to `X-Forwarded-For`."
    )
    decode_memory_bytes: int = _between(
        1_073_741_824, 134_217_728, 17_179_869_184, "Memory limit of the audio decoder's process, in bytes."
    )
    decode_timeout_seconds: int = _between(
        300, 1, 3600, "Time limit of the audio decoder's process for one recording, in seconds."
    )
    job_deadline_seconds: int = _between(
        3600, 60, 14_400, "Time limit from start to result of one recording, in seconds; other limits derive from it."
    )
    api_deadline_seconds: int = _between(
        600, 60, 900, "Time limit of a call over HTTP, from its first byte to its answer, in seconds."
    )
    session_seconds: int = _between(
        900, 10, 14_400, "How long a worker works without a rest, in which ECS can replace its task, in seconds."
    )
    page: bool = _switch("Whether the API serves the page for people at `/`.", default=True)
    report_seconds: int = _between(
        30, 1, 3600, "How often a worker publishes what it knows about the backlog, in seconds."
    )
    page_jobs: bool = _switch(
        "Whether the page sends long recordings as jobs, because the buckets admit its origin.", default=True
    )
    host: str = _text("127.0.0.1", "Address the HTTP server binds.")
    port: int = _between(8000, 1, 65_535, "Port the HTTP server binds.")
    environment: str = _text("local", "Name of the environment, as a dimension of every metric.")
    dollars_per_hour: float = _between(
        0.0, 0.0, 1000.0, "Price of the task in US dollars an hour, for the cost metric."
    )
    api_keys: str = _secret(
        "API keys that HTTP callers may use, as docs/http.md describes them; empty disables authentication.",
        expected="keys of 16 printable characters or more, separated by commas, as a JSON list or by name, or nothing",
        check=are_keys,
    )
    # Tokens at synth: their format cannot be checked.
    api_keys_secret: str = _anything(
        "", "ARN of the secret from which the API reads its keys again every minute; empty for never."
    )
    image: str = _anything("", "Digest of the running image, recorded in every transcript.")
    queue_url: str = _anything("", "URL of the queue that announces recordings; for the worker.")
    recordings_bucket: str = _anything("", "Bucket in which recordings arrive; for the worker, and for jobs over HTTP.")
    transcripts_bucket: str = _anything("", "Bucket for the transcripts; for the worker, and for jobs over HTTP.")
    webhook_queue_url: str = _anything("", "URL of the queue of jobs' webhooks; empty for none.")
    webhook_secret: str = _anything("", "ARN of the secret that signs webhooks, read again every minute.")
    worker_max_upload_bytes: int = _between(
        1_073_741_824, 1024, 5_368_709_120, "The workers' WHISPER_MAX_UPLOAD_BYTES, for jobs over HTTP."
    )
    worker_max_audio_seconds: int = _between(
        5400, 1, 86_400, "The workers' WHISPER_MAX_AUDIO_SECONDS, for the deadline of jobs over HTTP."
    )
    worker_deadline_seconds: int = _between(
        3600, 60, 14_400, "The workers' WHISPER_JOB_DEADLINE_SECONDS, for the deadline of jobs over HTTP."
    )
    batch_window_hours: float = _between(
        0.0,
        0.0,
        8760.0,
        "Hours from a recording's arrival until its transcript is due, for the view of the batch; 0: untold.",
    )
    recording_prefixes: str = _text(
        "",
        "Beginnings of the keys of recordings, separated by commas; other objects of the bucket are ignored; empty: any.",
        expected='texts of printable ASCII without * \\ and ", separated by commas, none beginning with another, or nothing',
        check=lambda v: are_prefixes(listed(v)),
    )
    recording_suffixes: str = _text(
        "",
        "Ends of the keys of recordings, such as `.wav,.WAV`; other objects of the bucket are ignored; empty: any.",
        expected='texts of printable ASCII without * \\ and ", separated by commas, none ending with another, or nothing',
        check=lambda v: are_suffixes(listed(v)),
    )
    recording_excluded: str = _text(
        "",
        "Beginnings of keys that another queue announces, separated by commas, such as a backfill's; empty: none.",
        expected='texts of printable ASCII without * \\ and ", separated by commas, none beginning with another, or nothing',
        check=lambda v: are_prefixes(listed(v)),
    )
    fleet: str = _text("worker", "Name of the fleet that a worker is in, as a dimension of its metrics.")

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if not _is(value, type(f.default)) or not f.metadata["check"](value):
                shown = "a secret" if "secret" in f.metadata else value
                raise SettingError(variable(f.name), shown, f.metadata["expected"])
        if self.exact and self.encoder == "openvino":
            raise SettingError(
                variable("encoder"), self.encoder, f"ctranslate2 or auto, because {variable('exact')} is true"
            )
        if 0 < self.threads < self.workers:
            raise SettingError(variable("workers"), self.workers, f"at most WHISPER_THREADS, which is {self.threads}")
        if self.key_filter.too_long:
            raise SettingError(
                variable("recording_prefixes"),
                self.recording_prefixes,
                f"texts that have, each with any of {variable('recording_suffixes')}, at most {MAX_KEY_BYTES} bytes, as keys",
            )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read every `WHISPER_…` variable of `environ`; settings without one keep their defaults.

        Raises:
            SettingError: a value does not parse or breaks its rule, or a `WHISPER_…` name is unknown.
        """
        known = {variable(f.name): f for f in fields(cls)}
        values: dict[str, Any] = {}
        for name, text in environ.items():
            if not name.startswith(PREFIX):
                continue
            if name not in known:
                raise SettingError(name, text, f"one of the known settings: {', '.join(sorted(known))}")
            f = known[name]
            # A blank secret must not disable authentication.
            if "secret" in f.metadata and not text.strip():
                raise SettingError(name, text, f.metadata["expected"].removesuffix(", or nothing"))
            values[f.name] = _parse(name, text, type(f.default), f.metadata["expected"])
        return cls(**values)

    def to_environ(self) -> dict[str, str]:
        """The environment that `from_environ` reads back: a variable for every setting except the secrets."""
        return {variable(f.name): _written(getattr(self, f.name)) for f in fields(self) if "secret" not in f.metadata}

    @property
    def access_keys(self) -> tuple[AccessKey, ...]:
        """The keys of the API's callers; empty if authentication is disabled."""
        return read_keys(self.api_keys)

    @property
    def spoken_languages(self) -> tuple[str, ...]:
        """The languages that callers speak; empty for any."""
        return listed(self.languages)

    @property
    def key_filter(self) -> KeyFilter:
        """Which objects of the recordings bucket are recordings."""
        prefixes, suffixes = self.recording_prefixes, self.recording_suffixes
        return KeyFilter.read(prefixes=prefixes, suffixes=suffixes, excluded=self.recording_excluded)

    @property
    def canary_folder(self) -> str:
        """How the keys of golden calls begin: in a folder of their own, which the key filter admits."""
        return (*self.key_filter.prefixes, "")[0] + CANARY_FOLDER

    @property
    def job_folder(self) -> str:
        """How the keys of jobs' uploads begin, likewise."""
        return (*self.key_filter.prefixes, "")[0] + JOB_FOLDER

    @property
    def visibility_timeout_seconds(self) -> int:
        """How long a lease lasts without a heartbeat: short, so that another worker soon retries after a kill."""
        return max(60, self.job_deadline_seconds // 20)

    @property
    def heartbeat_seconds(self) -> int:
        """How often a worker extends its lease; two heartbeats may be lost."""
        return self.visibility_timeout_seconds // 3

    @property
    def stop_timeout_seconds(self) -> int:
        """Time between SIGTERM and SIGKILL of a task."""
        return min(MAX_STOP_TIMEOUT_SECONDS, self.job_deadline_seconds)

    @property
    def silence_seconds(self) -> int:
        """How long a caller over HTTP waits for the next byte, at most."""
        return min(MAX_SILENCE_SECONDS, self.api_deadline_seconds)

    @property
    def idle_timeout_seconds(self) -> int:
        """How long the load balancer keeps a connection without traffic."""
        return min(MAX_IDLE_TIMEOUT_SECONDS, self.silence_seconds + 40)

    @property
    def drain_seconds(self) -> int:
        """How long a task that is being replaced may take to finish its requests."""
        return self.api_deadline_seconds

    @property
    def receiving_seconds(self) -> int:
        """How long a worker takes messages in a session; the rest of the session finishes the last ones."""
        return self.session_seconds * 2 // 3

    @property
    def rest_seconds(self) -> int:
        """How long a worker rests between two sessions: without work and protection, so that ECS can stop its task."""
        return max(2, self.session_seconds // 20)


def variable(field_name: str) -> str:
    """The environment variable of a field of `Settings`."""
    return PREFIX + field_name.upper()


def _is(value: object, kind: type) -> bool:
    """Whether a value is of a setting's type; True is no number, and a whole number is a number."""
    return type(value) is kind or (kind is float and type(value) is int)


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parse(name: str, text: str, kind: type, expected: str) -> Any:
    try:
        return SWITCH[text.strip().lower()] if kind is bool else kind(text.strip())
    except (KeyError, ValueError):
        raise SettingError(name, text, expected) from None
