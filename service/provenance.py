"""The provenance of words: the model and the settings that they depend on, and what computed them."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from service import processor
from service.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The model and the settings that error rates depend on."""

    model: str
    model_sha256: str
    compute_type: str
    beam_size: int
    window_seconds: float
    image: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The provenance of a run with these settings, its number format resolved for this processor."""
        chosen = {field.name: getattr(settings, field.name) for field in fields(cls)}
        return cls(**chosen | {"compute_type": processor.number_format(settings.compute_type)})


def transcript_provenance(settings: Settings, *, encoder: str) -> dict[str, Any]:
    """The provenance of a transcript as plain JSON types: with the encoder and the processor, as each host may have others."""
    return {**asdict(Provenance.of(settings)), "encoder": encoder, "processor": processor.name()}
