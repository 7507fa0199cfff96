"""Hooks for schemathesis: half of the recordings that it sends are recordings; most models, keys and jobs are the service's own."""

import io
import os
import wave
from typing import Any

import numpy as np
import schemathesis
from hypothesis import strategies as st

RATE = 8000
# Values of which the description tells the kind only.
USUAL = {
    "model": "whisper-1",
    "language": "en",
    "languages[]": ["en", "de"],
    "chunking_strategy": "auto",
    "key": os.environ["KEY"],
    "size": 1000,
    "webhook": "https://hooks.example.com/",
}
JOB = os.environ["JOB"]


def _noise(channels: int) -> bytes:
    """A quarter of a second without speech."""
    file = io.BytesIO()
    with wave.open(file, "wb") as target:
        target.setnchannels(channels)
        target.setsampwidth(2)
        target.setframerate(RATE)
        target.writeframes(np.random.default_rng(1).integers(-99, 99, channels * RATE // 4).astype("<i2").tobytes())
    return file.getvalue()


schemathesis.openapi.format("binary", st.one_of(st.sampled_from([_noise(1), _noise(2)]), st.binary(max_size=64)))


@schemathesis.hook
def map_body(_: schemathesis.HookContext, body: Any) -> Any:
    """Take the usual values in the place of others, except of the shortest."""
    if not isinstance(body, dict):
        return body
    usual = {name: USUAL[name] for name, value in body.items() if name in USUAL and len(str(value)) != 1}
    return body | usual


@schemathesis.hook
def map_path_parameters(_: schemathesis.HookContext, path_parameters: Any) -> Any:
    """Ask for the job that is there in every other request."""
    identity = (path_parameters or {}).get("id")
    return path_parameters | {"id": JOB} if identity is not None and len(str(identity)) % 2 else path_parameters
