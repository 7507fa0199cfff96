"""Callers' keys, each with its scopes and limits; standard library only.

Today's form, and the one that Secrets Manager generates, is a line of keys or a JSON list, whose callers have no names.
A JSON object names each caller: its value is a key, or an object with a key and limits.

>>> [key.name for key in read_keys('{"crm": "0123456789abcdef"}')]
['crm']
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# Of a caller in a JSON object.
FACTS = {"key", "scopes", "prefixes", "requests_per_minute", "audio_seconds"}


class Scope(StrEnum):
    """The purpose of a key."""

    TRANSCRIBE = "transcribe"
    JOBS = "jobs"  # read jobs
    BATCH = "batch"  # read the state of the batch of all recordings
    METRICS = "metrics"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sends a request: the holder of a key or, if no key is needed, an address.

    Attributes:
        name: in logs and metrics; empty for an address.
        scopes: of the requests that are allowed.
        prefixes: beginnings of the keys of recordings that it may ask for; empty for every recording.
        requests_per_minute: None for the service's own limit.
        audio_seconds: that may be in the queue at once; 0 for any number.
    """

    name: str = ""
    scopes: frozenset[Scope] = frozenset(Scope)
    prefixes: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    audio_seconds: int = 0

    def reaches(self, key: str) -> bool:
        """Whether it may ask for the recording with this key.

        >>> Caller(prefixes=("sales/",)).reaches("support/1.wav")
        False
        """
        return not self.prefixes or key.startswith(self.prefixes)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A caller and its secrets: one, or two while it changes from the old one to the new one."""

    caller: Caller
    secrets: tuple[str, ...] = field(repr=False)

    @property
    def name(self) -> str:
        """The caller's name."""
        return self.caller.name

    def opens(self, shown: bytes) -> bool:
        """Whether a caller has shown one of the secrets. Compares with each in constant time."""
        return bool(sum(hmac.compare_digest(shown, secret.encode()) for secret in self.secrets))


def read_keys(text: str) -> tuple[AccessKey, ...]:
    """The keys in a secret's text; none in an empty one.

    Raises:
        ValueError: the text is in no form of keys; the message does not show it.
    """
    if not text:
        return ()
    form = text.lstrip()[:1]
    found: Any = json.loads(text) if form in {"[", "{"} else [key.strip() for key in text.split(",")]
    keys = [_named(name, entry) for name, entry in found.items()] if form == "{" else [_unnamed(key) for key in found]
    if not keys:
        raise ValueError("no keys")
    return tuple(keys)


def are_keys(text: str) -> bool:
    """Whether `read_keys` reads a text."""
    try:
        read_keys(text)
    except ValueError:
        return False
    return True


def _unnamed(secret: Any) -> AccessKey:
    """A key without a name: it is called by a digest, which tells nothing of a random key."""
    digest = hashlib.sha256(_secret(secret).encode()).hexdigest()
    return AccessKey(caller=Caller(name=f"key-{digest[:8]}"), secrets=(secret,))


def _named(name: str, entry: Any) -> AccessKey:
    facts: Mapping[str, Any] = entry if isinstance(entry, dict) else {"key": entry}
    if not re.fullmatch(r"[\w.-]{1,64}", name, re.ASCII) or not set(facts) <= FACTS:
        raise ValueError("a caller's name of other characters, or an unknown fact about it")
    key = facts.get("key")
    caller = Caller(
        name=name,
        scopes=_scopes(facts.get("scopes", list(Scope))),
        prefixes=_prefixes(facts["prefixes"]) if "prefixes" in facts else (),
        requests_per_minute=_limit(facts.get("requests_per_minute")),
        audio_seconds=_limit(facts.get("audio_seconds")) or 0,
    )
    secrets = tuple(map(_secret, key if isinstance(key, list) else [key]))
    if not secrets:
        raise ValueError("a name without a key")
    return AccessKey(caller=caller, secrets=secrets)


def _secret(text: Any) -> str:
    if not isinstance(text, str) or not re.fullmatch(r"[!-+\--~]{16,}", text):
        raise ValueError("no key of 16 printable characters or more")
    return text


def _scopes(names: Any) -> frozenset[Scope]:
    if not isinstance(names, list):
        raise ValueError("no list of scopes")  # noqa: TRY004 -- the one error of a wrong secret
    return frozenset(map(Scope, names))


def _prefixes(texts: Any) -> tuple[str, ...]:
    # An empty list would mean none to one reader and any to another; so would an empty prefix.
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise ValueError("no list of prefixes")
    return tuple(texts)


def _limit(value: Any) -> int | None:
    if value is not None and (type(value) is not int or value < 1):
        raise ValueError("a limit that is no whole number from 1")
    return value
