"""The progress of recordings as it can be seen from outside: in the buckets and on the queue."""

import json
import time
from typing import Any

from local.cloud import Cloud
from service.contract import Outcome
from service.transcript import Transcript

LOOK_SECONDS = 0.25
# At most this share of the time is spent on looking, however large the bucket is.
LOOK_SHARE = 0.2


class Clock:
    """Prints events with the seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._began

    def say(self, stage: str, text: str) -> None:
        """Print an event on one line."""
        print(f"{self.seconds:6.1f} s  {stage:<12} {text}", flush=True)


class Stages:
    """Reports each change once; `look` is called repeatedly.

    Attributes:
        attempts: how often each recording was taken up, by the key of its progress document.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._known: dict[str, str] = {}
        self.attempts: dict[str, int] = {}
        self._left = self._dead = 0
        self._again = 0.0

    def look(self) -> None:
        """Report the changes since the last look."""
        began = time.monotonic()
        if began < self._again:
            return
        found = self._listing()
        for key in (key for key, tag in found.items() if self._known.get(key) != tag):
            self._tell(key)
        self._known = found
        self._look_at_messages()
        self._again = time.monotonic() + max(LOOK_SECONDS, (time.monotonic() - began) / LOOK_SHARE)

    def _look_at_messages(self) -> None:
        """Report messages that were deleted, and those that became dead letters or came back from there."""
        dead = self._dead_letters()
        waiting, working = self._cloud.messages()
        if dead != self._dead_letters():
            return  # a message may be counted twice, or not at all; the next look is soon
        if dead != self._dead:
            change = f"{abs(dead - self._dead)} {'more' if dead > self._dead else 'fewer'}"
            self._cloud.say("dead letters", f"{change}, {dead} in all")
        if waiting + working + dead < self._left + self._dead:
            self._cloud.say("deleted", f"{waiting + working} messages left, {working} of them in flight")
        self._left, self._dead = waiting + working, dead

    def _dead_letters(self) -> int:
        return sum(self._cloud.messages("DeadLetterQueueUrl"))

    def _listing(self) -> dict[str, str]:
        pages = self._cloud.s3.get_paginator("list_objects_v2").paginate(Bucket=self._cloud.transcripts)
        return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", ())}

    def _tell(self, key: str) -> None:
        kind, last = key.partition("/")[0], key.rpartition("/")[2]
        if not last.endswith(".json") or (document := self._read(key)) is None:
            return
        recording = document["recording"]
        name = f"{recording['key']} ({recording['version'][:8]})"
        match kind, last:
            case "running", _ if document["attempt"] > self.attempts.get(key, 0):
                self.attempts[key] = document["attempt"]
                self._cloud.say("received", f"{name}, attempt {document['attempt']}")
            case "failed", _:
                self._cloud.say("refused", f"{name}: {document['error']['code']}")
            case "transcripts", "latest.json":
                self._cloud.say("latest", f"{name} is the newest version")
            case "transcripts", _:
                self._tell_transcript(name, Transcript.from_dict(document["transcript"]))

    def _tell_transcript(self, name: str, transcript: Transcript) -> None:
        call = f"{name}: {transcript.duration:.0f} s of call"
        match transcript.outcome:
            case Outcome.PARTIAL:
                self._cloud.say("partial", f"{call}, {transcript.missing_seconds:.0f} s more are missing")
            case Outcome.UNHEARD:
                self._cloud.say("unheard", f"{call}, of which {transcript.unheard_seconds:.1f} s gave no words")
            case _:
                self._cloud.say("transcribed", call)

    def _read(self, key: str) -> dict[str, Any] | None:
        try:
            answer = self._cloud.s3.get_object(Bucket=self._cloud.transcripts, Key=key)
        except self._cloud.s3.exceptions.NoSuchKey:  # a progress document is deleted when the work is done
            return None
        document: dict[str, Any] = json.loads(answer["Body"].read())
        return document
