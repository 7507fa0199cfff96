"""The parts of the page as a person finds them, and servers whose engines do as a test says."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from playwright.sync_api import Locator, Page
from starlette.applications import Starlette

from service.http.batch_desk import BatchDesk
from service.settings import Settings
from tests.service.http.fakes import RECORDING, SETTINGS, FakeEngine, application, said
from tests.service.http.real_server import served

ROOMY = replace(SETTINGS, max_upload_bytes=100_000_000, max_waiting=16, requests_per_minute=0)
WORDS = (said("good morning", start=0.0), said("hello there", start=0.2, channel=1))
STEREO = replace(RECORDING, samples=np.zeros((2, 16_000), np.int16))

_DROP = """([files]) => {
  const transfer = new DataTransfer();
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: "audio/wav" }));
  }
  return transfer;
}"""

File = dict[str, Any]


def file(name: str, content: bytes, kind: str = "audio/wav") -> File:
    """A file that a person chooses."""
    return {"name": name, "mimeType": kind, "buffer": content}


def choose(page: Page, *files: Any) -> None:
    """Choose recordings, as the button does."""
    page.set_input_files("#files", list(files))


def drop(page: Page, *files: tuple[str, bytes], on: str = "#intake") -> None:
    """Drop recordings on a part of the page."""
    encoded = [[name, base64.b64encode(content).decode()] for name, content in files]
    transfer = page.evaluate_handle(_DROP, [encoded])
    page.dispatch_event(on, "dragenter", {"dataTransfer": transfer})
    page.dispatch_event(on, "drop", {"dataTransfer": transfer})


def entry(page: Page, name: str) -> Locator:
    """The entry of a call in the list."""
    return page.locator(".entry").filter(has=page.get_by_role("button", name=name, exact=True))


def state(page: Page, name: str) -> Locator:
    """The words for the state of a call in the list."""
    return entry(page, name).locator(".entry-state")


def reason(page: Page, name: str) -> Locator:
    """The sentence that says why a call does not go on, and how it can."""
    return entry(page, name).locator(".entry-reason")


@contextmanager
def open_page(
    page: Page, engine: FakeEngine, settings: Settings = ROOMY, *, at: str = "", batch: BatchDesk | None = None
) -> Iterator[Starlette]:
    """The page of a server in this process, whose engine does as a test says; `at` is the fragment of the address."""
    app = application(
        engine,
        settings=settings,
        decode=lambda _, name="": STEREO,  # noqa: ARG005 - as the protocol says
        batch=batch,
    )
    with served(app, settings) as url:
        page.goto(f"{url}/{at}")
        yield app
        # Its connections would keep the server.
        page.goto("about:blank")
