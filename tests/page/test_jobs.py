"""Long recordings as jobs: handed over by a link, found again by the address, read by links that expire."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from local import emulator
from local.emulator import Emulator
from service.aws import s3
from service.batch import results
from service.batch.events import Upload, announcement
from service.batch.results import ResultKeys
from service.contract import REQUEST_ID_METADATA
from service.errors import NotAudio
from service.http import jobs_desk
from service.http.app import create_app
from service.http.jobs_desk import JobDesk
from service.telemetry import Meter
from tests.page.parts import ROOMY, STEREO, WORDS, choose, entry, file, reason, state
from tests.service.cloud import REGION, Cloud, worker
from tests.service.http.fakes import FakeEngine
from tests.service.http.real_server import served
from tests.standin import VOICEMAIL

LONG = VOICEMAIL.read_bytes()
# As stacks/recordings/page_access.py has it.
UPLOADS = {
    "AllowedMethods": ["PUT"],
    "AllowedHeaders": ["content-type", "if-none-match", "x-amz-checksum-sha256", f"x-amz-meta-{REQUEST_ID_METADATA}"],
}


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator with buckets and queues."""
    folder = tmp_path_factory.mktemp("emulator")
    try:
        yield emulator.start(folder)
    finally:
        emulator.stop(folder)


@dataclass(frozen=True, kw_only=True)
class Site:
    """A service that takes jobs, at its address, and the cloud behind it."""

    cloud: Cloud
    url: str

    def open(self, page: Page, fragment: str = "") -> None:
        """Open the page."""
        page.goto(f"{self.url}/{fragment}")
        page.reload()

    def uploaded(self) -> Upload:
        """The one recording that was uploaded."""
        (found,) = s3.Bucket(self.cloud.recordings).versions("whisper-jobs/")
        return found


@pytest.fixture
def site(emulated: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A service in this process, which answers short recordings itself and hands long ones to the bucket."""
    for name, value in (emulated.environ() | {"AWS_DEFAULT_REGION": REGION}).items():
        monkeypatch.setenv(name, value)
    cloud = Cloud.make(emulated)
    settings = replace(
        ROOMY,
        max_upload_bytes=len(LONG) // 2,
        recordings_bucket=cloud.recordings,
        transcripts_bucket=cloud.transcripts,
    )
    app = create_app(
        engine=FakeEngine(segments=WORDS),
        decode=lambda _, name="": STEREO,  # noqa: ARG005 - as the protocol says
        meter=Meter(environment="test", service="api"),
        settings=settings,
        jobs=JobDesk(
            recordings=s3.Bucket(cloud.recordings), transcripts=s3.Bucket(cloud.transcripts), settings=settings
        ),
    )
    with served(app, settings) as url:
        for bucket, rule in ((cloud.recordings, UPLOADS), (cloud.transcripts, {"AllowedMethods": ["GET"]})):
            rules = {"CORSRules": [{"AllowedOrigins": [url], **rule}]}
            cloud.s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=rules)  # type: ignore[arg-type]
        yield Site(cloud=cloud, url=url)


@pytest.fixture(autouse=True)
def _soon(blank: Page) -> None:
    """Jobs are asked for at once, not every few seconds."""
    blank.add_init_script(
        "const wait = setTimeout; window.setTimeout = (run, ms, ...rest) => wait(run, ms > 2000 ? 300 : ms, ...rest)"
    )


@pytest.mark.verify
def test_long_recording_goes_through_the_bucket_to_its_words(blank: Page, site: Site, tmp_path: Path) -> None:
    """Uploaded with its digest, transcribed by a worker, read by a link; the address leads back to it."""
    site.open(blank)
    choose(blank, file("voicemail.wav", LONG))
    expect(state(blank, "voicemail.wav")).to_have_text("Handed over; waiting for a worker")
    assert re.search(r"#jobs=[0-9a-f]{40}$", blank.url)
    assert "voicemail" not in blank.url
    with worker(site.cloud, tmp_path):
        # The emulator has no EventBridge here: the test says what it says.
        site.cloud.send(announcement(site.uploaded()))
        expect(state(blank, "voicemail.wav")).to_have_text(re.compile("^Transcribed"), timeout=60_000)
    expect(blank.locator("call-view .call-word").first).to_be_visible()
    blank.reload()
    expect(state(blank, "voicemail.wav")).to_have_text(re.compile("^Transcribed"))
    expect(blank.get_by_label(re.compile("To hear this call"))).to_be_attached()


@pytest.mark.verify
def test_short_recording_does_not(blank: Page, site: Site) -> None:
    """It is answered at once."""
    site.open(blank)
    choose(blank, file("short.wav", LONG[: len(LONG) // 4]))
    expect(state(blank, "short.wav")).to_have_text("Transcribed")
    assert "#" not in blank.url


@pytest.mark.verify
def test_job_that_failed_says_why(blank: Page, site: Site) -> None:
    """With the reason's own sentence."""
    site.open(blank)
    choose(blank, file("notes.wav", LONG))
    expect(state(blank, "notes.wav")).to_have_text("Handed over; waiting for a worker")
    upload = site.uploaded()
    document = results.failure_document(upload, NotAudio(size=3), at="2026-01-31T12:00:00.000+00:00")
    site.cloud.put(ResultKeys(upload).failure, document)
    expect(state(blank, "notes.wav")).to_have_text("Not transcribed")
    expect(reason(blank, "notes.wav")).to_contain_text("Choose the recording itself")


def test_link_of_a_result_that_has_expired_is_asked_for_again(blank: Page, site: Site) -> None:
    """A computer that slept for an hour wakes up with old links."""
    site.open(blank)
    refused: list[str] = []

    def expired(route: object) -> None:
        refused.append(route.request.url)  # type: ignore[attr-defined]
        route.fulfill(status=403, headers={"access-control-allow-origin": "*"})  # type: ignore[attr-defined]

    blank.route(re.compile("/transcripts-[^?]*json"), expired, times=1)
    choose(blank, file("call.wav", LONG))
    expect(state(blank, "call.wav")).to_have_text("Handed over; waiting for a worker")
    upload = site.uploaded()
    transcript = {"language": "en", "language_probability": 1, "duration": 1, "channels": 1, "segments": []}
    losses = {"partial": False, "missing_seconds": 0, "gaps": [], "unheard": [], "duplicate_channels": []}
    site.cloud.put(ResultKeys(upload).transcript, json.dumps({"transcript": transcript | losses}).encode())
    expect(state(blank, "call.wav")).to_have_text("Transcribed")
    assert len(refused) == 1


@pytest.mark.verify
def test_job_is_followed_while_the_service_is_away(blank: Page, site: Site) -> None:
    """A gateway without a service behind it says nothing about the job: the page asks again."""
    site.open(blank)
    choose(blank, file("call.wav", LONG))
    expect(state(blank, "call.wav")).to_have_text("Handed over; waiting for a worker")
    blank.route("**/jobs/*", lambda route: route.fulfill(status=502, body="<h1>502 Bad Gateway</h1>"))
    expect(state(blank, "call.wav")).to_have_text("Asking again soon")
    expect(reason(blank, "call.wav")).to_contain_text("through its gateway")
    blank.unroute("**/jobs/*")
    expect(state(blank, "call.wav")).to_have_text("Handed over; waiting for a worker")
    expect(reason(blank, "call.wav")).to_be_hidden()


@pytest.mark.verify
def test_link_is_copied_or_shown(blank: Page, site: Site) -> None:
    """A person sees that it was copied, or the link itself if the browser does not allow that."""
    blank.context.grant_permissions(["clipboard-read", "clipboard-write"])
    site.open(blank)
    choose(blank, file("call.wav", LONG))
    expect(state(blank, "call.wav")).to_have_text("Handed over; waiting for a worker")
    copy = blank.get_by_role("button", name="Copy link: call.wav")
    copy.click()
    expect(reason(blank, "call.wav")).to_contain_text("The link is in the clipboard.")
    assert blank.evaluate("navigator.clipboard.readText()") == blank.url
    blank.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    copy.click()
    expect(reason(blank, "call.wav")).to_contain_text(blank.url)
    expect(blank.locator("#news")).to_contain_text(blank.url)


@pytest.mark.parametrize("fragment", [f"#jobs={'0' * 40}", f"#jobs={'0' * 40},{'<b>' * 10}"])
def test_link_that_leads_nowhere_says_what_to_do(blank: Page, site: Site, fragment: str) -> None:
    """It was deleted, or it is not whole; whatever else is in the address is ignored."""
    site.open(blank, fragment)
    expect(blank.locator(".entry")).to_have_count(1)
    expect(reason(blank, "Job 00000000")).to_contain_text("There is no such job any more")
    expect(reason(blank, "Job 00000000")).to_contain_text("copy the whole link")
    expect(blank.locator("#news")).to_contain_text("Job 00000000: Not loaded. There is no such job")


@pytest.mark.verify
def test_job_whose_upload_never_came_says_to_drop_it_again(
    blank: Page, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is over; the same recording begins again as the same job."""
    monkeypatch.setattr(jobs_desk, "UPLOAD_SECONDS", 1)
    site.open(blank)
    blank.route("**/whisper-jobs/**", lambda route: route.abort())
    choose(blank, file("call.wav", LONG))
    expect(reason(blank, "call.wav")).to_contain_text("The connection broke while the recording was being sent.")
    blank.wait_for_timeout(1100)
    blank.reload()
    expect(reason(blank, "call.wav")).to_contain_text("Drop the recording again")
    blank.unroute("**/whisper-jobs/**")
    monkeypatch.setattr(jobs_desk, "UPLOAD_SECONDS", 3600)
    choose(blank, file("again.wav", LONG))
    expect(state(blank, "again.wav")).to_have_text("Handed over; waiting for a worker")
    assert len(set(re.findall("[0-9a-f]{40}", blank.url))) == 1


@pytest.mark.verify
def test_job_is_removed_from_the_list_or_from_the_service(blank: Page, site: Site) -> None:
    """A dialog tells the difference."""
    site.open(blank)
    choose(blank, file("call.wav", LONG))
    expect(state(blank, "call.wav")).to_have_text("Handed over; waiting for a worker")
    entry(blank, "call.wav").get_by_role("button", name="Remove").click()
    blank.get_by_role("button", name="Only from this list").click()
    expect(blank.locator(".entry")).to_have_count(0)
    assert "#" not in blank.url
    job = site.uploaded().key.rpartition("/")[2]
    site.open(blank, f"#jobs={job}")
    row = entry(blank, "call.wav")
    expect(row.locator(".entry-state")).to_have_text("Handed over; waiting for a worker")
    row.get_by_role("button", name="Remove").click()
    blank.get_by_role("button", name="Delete recording and transcript").click()
    expect(blank.locator(".entry")).to_have_count(0)
    assert list(s3.Bucket(site.cloud.recordings).versions("whisper-jobs/")) == []
