"""The stand-in's calls, decoded."""

from functools import cache

from service.recording import Recording, decode
from service.settings import Settings
from tests.standin import CALLS, MODEL

SETTINGS = Settings(model=str(MODEL))


@cache
def recording(name: str) -> Recording:
    """A call, decoded."""
    with CALLS[name].path.open("rb") as file:
        return decode(file, settings=SETTINGS)
