"""The provenance of transcripts: the same facts wherever one is stored, answered or described."""

import json
from pathlib import Path

from service import processor
from service.http.description import description
from service.provenance import transcript_provenance
from service.settings import Settings

SCHEMA = Path(__file__).parents[2] / "docs" / "transcript.schema.json"
MADE = transcript_provenance(Settings(model_sha256="ab" * 32, image="sha256:cd"), encoder="a test 1.0")


def test_provenance_names_what_made_the_transcript() -> None:
    """The model, its settings, the image, and the encoder and the processor of this host; the number format as it was chosen."""
    assert (MADE["model"], MADE["model_sha256"], MADE["image"]) == ("base", "ab" * 32, "sha256:cd")
    assert (MADE["beam_size"], MADE["window_seconds"]) == (5, 28.0)
    assert (MADE["encoder"], MADE["processor"]) == ("a test 1.0", processor.name())
    assert MADE["compute_type"] in {"int8", "float32"}


def test_both_published_descriptions_have_each_fact() -> None:
    """That of answers has these and no other; that of stored documents has more about the recording."""
    answered = description()["components"]["schemas"]["Provenance"]
    assert set(answered["required"]) == set(answered["properties"]) == set(MADE)
    stored = json.loads(SCHEMA.read_text("utf-8"))["$defs"]["provenance"]
    assert set(MADE) < set(stored["required"])
