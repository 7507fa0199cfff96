"""`make demo`: serve a model, send every sample call over HTTP, print the error rates and a call as a dialogue."""

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import httpx2

from demo.accuracy import word_error_rate
from demo.server import ROOT, running_server
from demo.truth import Call, load_calls
from service.settings import Settings

SPEAKERS = ("agent", "customer")
# The call whose transcript is printed.
SHOWN = "billing.wav"


def main() -> int:
    """Run the demo; 0 if every call was transcribed and the server ended cleanly."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="Transcribe the sample calls over HTTP.")
    parser.add_argument("model", nargs="?", default=Settings().model, help="name or folder (default: %(default)s)")
    model = parser.parse_args().model
    # Prints the source that served the model.
    fetched = subprocess.run([sys.executable, "-m", "service", "model", "fetch", model], cwd=ROOT, check=False)
    if fetched.returncode:
        return fetched.returncode
    calls = load_calls()
    with running_server(model=model) as server, httpx2.Client(base_url=server.url, timeout=600) as client:
        print(f"The service runs at {server.url} and transcribes {len(calls)} sample calls with {model}:\n")
        print(f"{'call':<18}{'language':>9}{'channels':>9}{'seconds':>9}{'took':>8}{'word error rate':>17}", flush=True)
        answers = {name: _transcribe(client, call) for name, call in calls.items()}
        overall = word_error_rate(*((calls[name], answer["transcription"]) for name, answer in answers.items()))
        print(f"{'all':<53}{overall:>17.1%}")
        _print_dialogue(SHOWN, answers[SHOWN]["transcription"])
        ended = server.stop()
    print(f"\nThe service drained and ended with exit code {ended}.")
    return ended


def _transcribe(client: httpx2.Client, call: Call) -> dict[str, Any]:
    started = time.monotonic()
    with call.path.open("rb") as file:
        response = client.post("/transcribe", files={"audio_file": file})
    response.raise_for_status()
    took = time.monotonic() - started
    answer: dict[str, Any] = response.json()
    facts, rate = answer["metadata"], word_error_rate((call, answer["transcription"]))
    print(
        f"{call.path.name:<18}{facts['language']:>9}{facts['channels']:>9}{facts['duration']:>9.1f}{took:>7.1f}s{rate:>17.1%}",
        flush=True,
    )
    return answer


def _print_dialogue(name: str, segments: Sequence[Mapping[str, Any]]) -> None:
    print(f"\nThe transcript of {name}:")
    for channel, own in groupby(segments, key=lambda segment: segment["channel"]):
        turn = list(own)
        print(f"{turn[0]['start']:7.2f}  {SPEAKERS[channel]:<9} {' '.join(segment['text'] for segment in turn)}")


if __name__ == "__main__":
    sys.exit(main())
