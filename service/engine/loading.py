"""Loads a model with the encoder and the threads that suit the machine."""

from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor

from service import processor
from service.engine import encoders, memory
from service.engine.decoding import Decoder
from service.engine.exact import ExactDecoder
from service.engine.lock import describe
from service.engine.model import find
from service.engine.sources import Download
from service.errors import ModelDamaged, ModelLacksLanguage, ModelMismatch
from service.settings import Settings


def load(settings: Settings, *, download: Download | None = None) -> Decoder:
    """Load the model that the settings name, on as many threads as the container may use.

    Raises:
        ModelError: the model is unknown, unavailable, damaged or has another digest than expected.
    """
    folder = find(settings.model, mirror=settings.model_mirror, download=download).folder
    if settings.model_sha256 and (actual := describe(folder).digest) != settings.model_sha256:
        raise ModelMismatch(actual=actual, digest=settings.model_sha256)
    kind = ExactDecoder if settings.exact else Decoder
    memory.check(folder, settings)
    processor.share_memory()
    workers = processor.workers(settings)
    threads = processor.threads(settings)
    try:
        model = WhisperModel(
            str(folder),
            device="cpu",
            compute_type=processor.number_format(settings.compute_type),
            cpu_threads=max(1, threads // workers),
            num_workers=workers,
        )
        # A folder without `preprocessor_config.json` does not say how many mel bands the model takes; the weights do.
        if model.feature_extractor.mel_filters.shape[0] != model.model.n_mels:
            model.feature_extractor = FeatureExtractor(feature_size=model.model.n_mels)
    # CTranslate2 and tokenizers raise many kinds of errors for a damaged file.
    except Exception as error:
        raise ModelDamaged(model=settings.model) from error
    if settings.language and settings.language not in model.supported_languages:
        raise ModelLacksLanguage(language=settings.language, known=model.supported_languages)
    encoder = encoders.choose(model, folder, settings=settings, frames=kind.FRAMES, streams=workers, threads=threads)
    processor.reuse_memory()
    return kind(model, encoder=encoder, beam_size=settings.beam_size)
