"""`make demo`: serve the demo model, send every sample call over HTTP, print a transcript and the error rates."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2

from demo.server import running_server
from demo.truth import Call, load_calls, word_error_rate

SPEAKERS = ("agent", "customer")
# The call whose transcript is printed.
SHOWN = "billing.wav"


def main() -> int:
    """Run the demo; 0 if every call was transcribed and the server ended cleanly."""
    with running_server() as server, httpx2.Client(base_url=server.url, timeout=600) as client:
        print(
            f"The service runs at {server.url} with the demo model and transcribes {len(load_calls())} sample calls:\n"
        )
        print(f"{'call':<18}{'language':>9}{'channels':>9}{'seconds':>9}{'took':>8}{'word error rate':>17}")
        answers = {call.path.name: _transcribe(client, call) for call in load_calls().values()}
        _print_transcript(load_calls()[SHOWN], answers[SHOWN]["transcription"])
        ended = server.stop()
    print(f"\nThe service drained and ended with exit code {ended}. Its model is a demonstration, see demo/README.md.")
    return ended


def _transcribe(client: httpx2.Client, call: Call) -> dict[str, Any]:
    started = time.monotonic()
    with call.path.open("rb") as file:
        response = client.post("/transcribe", files={"audio_file": file})
    response.raise_for_status()
    took = time.monotonic() - started
    answer: dict[str, Any] = response.json()
    facts, rate = answer["metadata"], word_error_rate(call, answer["transcription"])
    print(
        f"{call.path.name:<18}{facts['language']:>9}{facts['channels']:>9}{facts['duration']:>9.1f}{took:>7.1f}s{rate:>16.1%}"
    )
    return answer


def _print_transcript(call: Call, segments: Sequence[Mapping[str, Any]]) -> None:
    print(f"\nThe transcript of {call.path.name}:")
    for segment in segments:
        print(f"{segment['start']:7.2f}  {SPEAKERS[segment['channel']]:<9} {segment['text']}")


if __name__ == "__main__":
    sys.exit(main())
