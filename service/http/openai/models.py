"""`GET /v1/models`: the one model of the service, under its own name and under OpenAI's."""

import time
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.errors import NoSuchModel
from service.settings import Settings

# OpenAI's name for Whisper, which most clients send.
ALIAS = "whisper-1"
OWNER = "whisper-fargate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The names of the model, and the time when the service loaded it, in seconds since 1970."""

    names: tuple[str, ...]
    loaded: int

    def check(self, name: str) -> None:
        """Raise `NoSuchModel` unless the model has this name."""
        if name not in self.names:
            raise NoSuchModel(model=name, served=self.names)

    def to_dict(self, name: str) -> dict[str, Any]:
        """The model under one of its names, as plain JSON types."""
        return {"id": name, "object": "model", "created": self.loaded, "owned_by": OWNER}


def served(settings: Settings) -> Served:
    """The model that the settings name; of a folder or a URL only the last part, which tells nothing about the machine."""
    own = PurePosixPath(settings.model).name
    return Served(names=tuple(dict.fromkeys((own, ALIAS))), loaded=int(time.time()))


async def listed(request: Request) -> Response:
    """`GET /v1/models`."""
    model: Served = request.app.state.models
    return JSONResponse({"object": "list", "data": [model.to_dict(name) for name in model.names]})


async def retrieved(request: Request) -> Response:
    """`GET /v1/models/{model}`."""
    model: Served = request.app.state.models
    name = request.path_params["model"]
    model.check(name)
    return JSONResponse(model.to_dict(name))


ROUTES = (Route("/v1/models", listed), Route("/v1/models/{model}", retrieved))
