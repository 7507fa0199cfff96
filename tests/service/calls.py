"""The sample calls, decoded."""

from functools import cache

from demo.truth import MODEL, load_calls
from service.recording import Recording, decode
from service.settings import Settings

CALLS = load_calls()
SETTINGS = Settings(model=str(MODEL))


@cache
def recording(name: str) -> Recording:
    """A sample call, decoded."""
    with CALLS[name].path.open("rb") as file:
        return decode(file, settings=SETTINGS)
