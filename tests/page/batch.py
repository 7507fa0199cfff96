"""A batch in the middle of its night, for the view of it."""

from datetime import UTC, datetime, timedelta

from service.http.batch_desk import BatchDesk
from service.settings import Settings
from tests.service.http.batches import Messages, Store, failure, run

REASON = "no audio can be read from it"


def busy_batch(*, window_hours: float = 12.0) -> BatchDesk:
    """A desk with results, workers and failures; its deadline is so many hours after the oldest recording in work."""
    store = Store()
    for number in range(240):
        document = {"transcript": {"duration": 280.0 + number % 40}, "provenance": {"cost_dollars": 0.0016}}
        store.put(f"transcripts/2026/01/call-{number:04}.wav/1.json", document, minutes_ago=number / 4)
    store.put("partial/2026/01/call-0007.wav/1.json", minutes_ago=3)
    for number, share in enumerate((0.82, 0.4, 0.07)):
        store.put(f"running/2026/01/call-{number + 300:04}.wav/1.json", run(share, arrived=ago(90)), minutes_ago=0)
    store.put("failed/2026/01/notes.txt/1.json", failure(REASON, at=ago(12)), minutes_ago=12)
    store.put("failed/2026/01/<b>empty.wav/1.json", failure("the recording is empty", at=ago(40)), minutes_ago=40)
    settings = Settings(batch_window_hours=window_hours)
    return BatchDesk(queue=Messages(waiting=760, in_flight=3), transcripts=store, settings=settings)


def ago(minutes: float) -> str:
    """A moment in the past, ISO 8601."""
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat(timespec="seconds")
