"""The view of the batch: how much is left, until when, and why recordings failed; names for whom they are."""

import json
import re
from dataclasses import replace

from playwright.sync_api import Locator, Page, expect

from tests.page.batch import REASON, busy_batch
from tests.page.parts import ROOMY, open_page
from tests.service.http.fakes import FakeEngine

KEYS = json.dumps(
    {
        "all": "everything-0123456789abcdef",
        "wall": {"key": "wallscreen-0123456789abcdef", "scopes": ["batch"]},
        "crm": {"key": "uploader-0123456789abcdef", "scopes": ["transcribe"]},
    }
)
VIEW = "#view=batch"


def figure(page: Page, name: str) -> Locator:
    """A number of the batch, by its heading."""
    return page.locator(".figure").filter(has=page.get_by_text(name, exact=True)).locator("dd").first


def test_batch_shows_its_numbers(blank: Page) -> None:
    """Counts, the backlog in audio, the projected end beside the deadline, and the cost, each with its source."""
    with open_page(blank, FakeEngine(), batch=busy_batch()):
        blank.get_by_role("button", name="Batch").click()
        for name, number in (("Waiting", "760"), ("Running", "3"), ("Done", "239"), ("In part", "1"), ("Failed", "2")):
            expect(figure(blank, name)).to_have_text(number)
        expect(figure(blank, "Still to transcribe")).to_have_text(re.compile(r"^\d\d hrs? \d+ mins?$"))
        expect(figure(blank, "Cost so far")).to_have_text("$0.384")
        expect(blank.get_by_text(re.compile("^in time: due "))).to_be_visible()
        expect(blank.get_by_text(re.compile(r"^estimated from \d+ transcripts$")).first).to_be_visible()
        assert blank.url.endswith(VIEW)


def test_batch_that_ends_too_late_says_so(blank: Page) -> None:
    """In words, not by colour alone."""
    with open_page(blank, FakeEngine(), at=VIEW, batch=busy_batch(window_hours=0.01)):
        expect(blank.get_by_text(re.compile("^too late: due "))).to_be_visible()


def test_batch_lists_workers_and_reasons(blank: Page) -> None:
    """A recording's name is text, whatever it looks like."""
    with open_page(blank, FakeEngine(), at=VIEW, batch=busy_batch()):
        expect(blank.get_by_role("row", name=re.compile("notes.txt"))).to_contain_text(REASON)
        expect(blank.get_by_role("cell", name="2026/01/<b>empty.wav")).to_be_visible()
        expect(blank.get_by_role("progressbar", name="82%")).to_be_visible()


def test_names_are_hidden_from_a_key_without_the_scope_of_jobs(blank: Page) -> None:
    """A wall screen in the office shows numbers, and no caller's number."""
    with open_page(blank, FakeEngine(), replace(ROOMY, api_keys=KEYS), at=VIEW, batch=busy_batch()):
        blank.get_by_label("Key", exact=True).last.fill("wallscreen-0123456789abcdef")
        blank.keyboard.press("Enter")
        expect(blank.get_by_role("cell", name="hidden from your key").first).to_be_visible()
        expect(blank.locator("main")).not_to_contain_text("call-0300")


def test_key_without_the_scope_is_told_which_one(blank: Page) -> None:
    """And the view asks again only when it is told to, or after a minute."""
    with open_page(blank, FakeEngine(), replace(ROOMY, api_keys=KEYS), at=VIEW, batch=busy_batch()):
        blank.get_by_label("Key", exact=True).last.fill("uploader-0123456789abcdef")
        blank.keyboard.press("Enter")
        expect(blank.get_by_role("alert").first).to_contain_text("the service wants a key with the scope batch")


def test_service_without_a_batch_has_no_view_of_it(page: Page) -> None:
    """An address that names it leads to the calls."""
    expect(page.get_by_role("button", name="Batch")).to_be_hidden()
    page.goto(f"{page.url}{VIEW}")
    page.reload()
    expect(page.get_by_role("heading", name="Drop a call here")).to_be_visible()
