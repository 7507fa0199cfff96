"""The memory that the engine needs at most, from a model's dimensions and the settings.

The engine checks it at its start, and the stacks choose a task's memory by it: standard library only. The constants are
measured (docs/engine.md has the commands): what real calls took at most, not what a runtime promises. A recording's
samples are not counted: they lie in a file, whose cached pages the kernel takes back.
"""

from dataclasses import dataclass, fields
from typing import Self

from service.settings import ANY_EXACT, Settings

MB = 1 << 20
# Python, the libraries' code and their own data.
PROCESS = 240 * MB
# Bytes of a number of the model, by number format.
NUMBER_BYTES = {"float32": 4}
# OpenVINO keeps the encoder's weights as they are given to it and as its kernels read them: float16 and bfloat16, or
# float32 twice.
ENCODER_NUMBER_BYTES = {"float32": 8}
REDUCED_BYTES, REDUCED_ENCODER_BYTES = 1, 5
# Loading reads a model in half precision before it converts it; afterwards the encoder's activations need no more.
LOADING_BYTES = 2
# Of a window in a batch, the decoder holds cross-attention keys and values in float32: one of each for every layer and
# position. Its copies, its beams and the gaps between blocks that are kept for reuse take as much again.
DECODER_COPIES = 2
FLOAT_BYTES = 4
# Of a call: each window of its round as encoding and features, and the account of its frames of 32 ms.
BYTES_PER_FRAME, FRAMES_PER_SECOND = 80, 31.25
CHANNELS = 2
# A child that decodes a recording, as most do; and the server that they fork from.
CHILD, FORK_SERVER = 60 * MB, 40 * MB
# A task of one vCPU may see two CPUs, and start a worker on each: ECS limits it above the container, which cannot see it.
LEAST_CPUS = 2
# Frames of features in a window, of 10 ms each: as the engine trims them, and as faster-whisper pads them.
WINDOW_FRAMES, EXACT_WINDOW_FRAMES = 2900, 3000
# Of every Whisper: positions of the encoder and of the decoder, and bands of the features but for the newest models.
POSITIONS, TEXT_POSITIONS, BANDS, NEWEST_BANDS = 1500, 448, 80, 128
ENGLISH_TOKENS, TOKENS, NEWEST_TOKENS = 51_864, 51_865, 51_866


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """What a model's memory depends on: its numbers of parameters, its decoder's layers, and the width of its vectors."""

    encoder_parameters: int
    decoder_parameters: int
    layers: int
    width: int

    @classmethod
    def of_whisper(
        cls, width: int, encoder_layers: int, decoder_layers: int, *, bands: int = BANDS, tokens: int = TOKENS
    ) -> Self:
        """Of a Whisper of these layers, whose parameters follow from its architecture.

        >>> Dimensions.of_whisper(512, 6, 6).decoder_parameters
        52009472
        """
        # Attention has four square matrices, the feed-forward layers eight times as many numbers; then biases.
        encoder_layer, decoder_layer = 12 * width**2 + 13 * width, 16 * width**2 + 19 * width
        convolutions = 3 * width * (bands + width) + 2 * width
        return cls(
            encoder_parameters=convolutions + POSITIONS * width + encoder_layers * encoder_layer + 2 * width,
            decoder_parameters=(tokens + TEXT_POSITIONS) * width + decoder_layers * decoder_layer + 2 * width,
            layers=decoder_layers,
            width=width,
        )


def _known() -> dict[str, Dimensions]:
    """Of the models that settings may name."""
    sizes = {"tiny": (384, 4, 4), "base": (512, 6, 6), "small": (768, 12, 12), "medium": (1024, 24, 24)}
    large, turbo, distilled = (1280, 32, 32), (1280, 32, 4), (1280, 32, 2)
    english = {"distil-small.en": (768, 12, 4), "distil-medium.en": (1024, 24, 2)}
    english |= {f"{name}.en": size for name, size in sizes.items()}
    usual = sizes | {"large-v1": large, "large-v2": large, "distil-large-v2": distilled}
    newest = {"large-v3": large, "large": large, "large-v3-turbo": turbo, "turbo": turbo}
    newest |= {"distil-large-v3": distilled, "distil-large-v3.5": distilled}
    return {
        **{name: Dimensions.of_whisper(*size) for name, size in usual.items()},
        **{name: Dimensions.of_whisper(*size, tokens=ENGLISH_TOKENS) for name, size in english.items()},
        **{
            name: Dimensions.of_whisper(*size, bands=NEWEST_BANDS, tokens=NEWEST_TOKENS)
            for name, size in newest.items()
        },
    }


KNOWN = _known()


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Bytes that the engine needs at most, by purpose."""

    process: int
    weights: int
    batches: int
    calls: int
    decoders: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(getattr(self, f.name) for f in fields(self))

    def __str__(self) -> str:
        parts = ", ".join(f"{f.name} {getattr(self, f.name) // MB}" for f in fields(self))
        return f"{self.total // MB} MB ({parts})"


def need(dimensions: Dimensions, settings: Settings, *, number_format: str, workers: int) -> Need:
    """The memory for a model with these settings.

    Args:
        dimensions: of the model.
        settings: of the service.
        number_format: that the processor computes in.
        workers: batches at once.
    """
    parameters = dimensions.encoder_parameters + dimensions.decoder_parameters
    encoder_bytes = ENCODER_NUMBER_BYTES.get(number_format, REDUCED_ENCODER_BYTES)
    windows = workers * settings.batch_size
    frames = EXACT_WINDOW_FRAMES if settings.exact else WINDOW_FRAMES
    encoding = (frames + 1) // 2 * dimensions.width * FLOAT_BYTES
    calls = max(settings.max_running, settings.lanes)
    frames_of_call = int(settings.max_audio_seconds * FRAMES_PER_SECOND) * CHANNELS
    return Need(
        process=PROCESS,
        weights=parameters * (NUMBER_BYTES.get(number_format, REDUCED_BYTES) + LOADING_BYTES)
        + dimensions.encoder_parameters * encoder_bytes,
        batches=windows * DECODER_COPIES * 2 * dimensions.layers * encoding,
        calls=calls * (windows * encoding + frames_of_call * BYTES_PER_FRAME),
        decoders=FORK_SERVER + calls * CHILD,
    )


def most_needed(dimensions: Dimensions, settings: Settings, *, cpu: int, exact_int8: bool) -> Need:
    """The memory on any host that a task of so many CPU units (1024 is one vCPU) may get.

    Args:
        dimensions: of the model.
        settings: of the service.
        cpu: of the task.
        exact_int8: every host computes 8-bit products exactly; otherwise `auto` may be float32, which takes more.
    """
    threads = settings.threads or max(LEAST_CPUS, cpu // 1024)
    widest = "int8" if exact_int8 else "float32"
    return need(
        dimensions,
        settings,
        number_format=widest if settings.compute_type == ANY_EXACT else settings.compute_type,
        workers=min(settings.workers or threads, threads),
    )
