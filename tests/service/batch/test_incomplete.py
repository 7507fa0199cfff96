"""A worker process with recordings whose transcripts lack something."""

from pathlib import Path

from service.batch.results import ResultKeys, State
from tests.service.cloud import Cloud, drained, worker
from tests.standin import VOICEMAIL


def test_transcript_of_a_cut_recording_is_marked_as_partial(cloud: Cloud, tmp_path: Path) -> None:
    """An operator finds it by its key, and the metrics count it; a whole recording has no such mark."""
    sound = VOICEMAIL.read_bytes()
    cut, whole = cloud.upload("cut.wav", sound[: len(sound) // 2]), cloud.upload("whole.wav", sound)
    with worker(cloud, tmp_path) as own:
        drained(cloud, own)
        assert own.stop() == 0
        outcomes = [line["Outcome"] for line in own.lines if "Outcome" in line]
    for upload in (cut, whole):
        cloud.assert_transcribed_once(upload)
    transcript = cloud.document(ResultKeys(cut).transcript)["transcript"]
    mark = cloud.document(ResultKeys(cut).of(State.PARTIAL))
    assert mark["missing_seconds"] == transcript["missing_seconds"] > 1
    assert mark["gaps"] == transcript["gaps"]
    assert list(cloud.results("partial/")) == [ResultKeys(cut).of(State.PARTIAL)]
    assert outcomes.count("partial") == 1
    assert len(outcomes) == 2
