"""The view of the batch: how much is left, until when, and why recordings failed; names for whom they are."""

import json
import re
from dataclasses import replace

import pytest
from playwright.sync_api import Locator, Page, expect

from service.http import batch_desk
from service.http.batch_desk import BatchDesk
from service.settings import Settings
from tests.page.batch import REASON, busy_batch
from tests.page.parts import ROOMY, open_page
from tests.service.http.batches import Messages, Store
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
        # The service's own sentences are in English, also on a page in French.
        expect(blank.get_by_text(REASON)).to_have_attribute("lang", "en")
        expect(blank.get_by_role("cell", name="2026/01/<b>empty.wav")).to_be_visible()
        expect(blank.get_by_role("progressbar", name="82%")).to_be_visible()


def test_batch_that_is_finished_has_no_deadline(blank: Page) -> None:
    """Nothing is left, so nothing is said of a deadline that only recordings in work have."""
    desk = BatchDesk(queue=Messages(), transcripts=Store(), settings=Settings(batch_window_hours=12.0))
    with open_page(blank, FakeEngine(), at=VIEW, batch=desk):
        expect(figure(blank, "Projected finish")).to_have_text("nothing is left")
        expect(blank.locator("main")).not_to_contain_text("deadline")


def test_backlog_is_rounded_to_whole_minutes(blank: Page) -> None:
    """An hour has no 60th minute; without prices in the transcripts, the cost is not known rather than nothing."""
    store = Store()
    store.put("transcripts/long.wav/1.json", {"transcript": {"duration": 7190.0}, "provenance": {"cost_dollars": 0.0}})
    desk = BatchDesk(queue=Messages(waiting=1), transcripts=store, settings=Settings())
    with open_page(blank, FakeEngine(), at=VIEW, batch=desk):
        expect(figure(blank, "Still to transcribe")).to_have_text("2 hrs 0 mins")
        expect(figure(blank, "Cost so far")).to_have_text("not known")


def test_numbers_of_a_list_that_was_cut_are_minimums(blank: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue's own are not."""
    monkeypatch.setattr(batch_desk, "MAX_KEYS", 100)
    with open_page(blank, FakeEngine(), at=VIEW, batch=busy_batch()):
        expect(figure(blank, "Done")).to_have_text(re.compile("^≥ "))
        expect(figure(blank, "Waiting")).to_have_text("760")


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
        expect(blank.get_by_role("alert").first).to_contain_text("the service needs a key with the scope batch")


def test_dialog_that_is_closed_does_not_come_back_every_minute(blank: Page) -> None:
    """Only a person asks again: with the Key button or with Refresh."""
    asked: list[str] = []
    blank.on("request", lambda request: asked.append(request.url) if request.url.endswith("/batch") else None)
    blank.clock.install()
    with open_page(blank, FakeEngine(), replace(ROOMY, api_keys=KEYS), at=VIEW, batch=busy_batch()):
        dialog = blank.get_by_role("dialog", name="Your key")
        expect(dialog).to_be_visible()
        blank.keyboard.press("Escape")
        expect(blank.get_by_role("alert").first).to_contain_text("The service needs a key.")
        blank.clock.fast_forward(61_000)
        blank.wait_for_timeout(100)
        assert len(asked) == 1
        blank.get_by_role("button", name="Key", exact=True).click()
        dialog.get_by_label("Key", exact=True).fill("everything-0123456789abcdef")
        blank.keyboard.press("Enter")
        expect(figure(blank, "Waiting")).to_have_text("760")


@pytest.mark.verify
def test_focus_stays_when_the_batch_is_read_again(blank: Page) -> None:
    """Whoever reads a table by keyboard goes on reading it a minute later."""
    blank.clock.install()
    with open_page(blank, FakeEngine(), at=VIEW, batch=busy_batch()):
        failures = blank.get_by_role("region", name="Latest failures")
        failures.focus()
        first = failures.element_handle()
        blank.clock.fast_forward(61_000)
        expect(failures).to_be_focused()
        assert first
        first.wait_for_element_state("hidden")
        expect(failures).to_be_focused()


def test_service_without_a_batch_has_no_view_of_it(page: Page) -> None:
    """An address that names it leads to the calls."""
    expect(page.get_by_role("button", name="Batch")).to_be_hidden()
    page.goto(f"{page.url}{VIEW}")
    page.reload()
    expect(page.get_by_role("heading", name="Drop a call here")).to_be_visible()
