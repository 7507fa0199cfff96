"""The memory that the engine needs at most, from the model's dimensions and the settings; checked at the start.

Its constants are measured (docs/engine.md has the commands): what real calls took at most, not what a runtime promises.
A recording's samples are not counted: they lie in a file, whose cached pages the kernel takes back.
"""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Self

from service import processor
from service.engine.encoders.base import EncoderUnavailable
from service.engine.encoders.parameters import Parameters
from service.recording import SAMPLE_RATE
from service.settings import SettingError, Settings, variable

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
BYTES_PER_FRAME, FRAME = 80, 512
CHANNELS = 2
# A child that decodes a recording, as most do; and the server that they fork from.
CHILD, FORK_SERVER = 60 * MB, 40 * MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """What a model's memory depends on: its numbers of parameters, its decoder's layers, and the width of its vectors."""

    encoder_parameters: int
    decoder_parameters: int
    layers: int
    width: int

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read them from a model's weights.

        Raises:
            EncoderUnavailable: the file has an unknown format, or is damaged.
        """
        arrays = Parameters.read(folder / "model.bin", prefix="").arrays
        sizes = {name: array.size for name, array in arrays.items()}
        layers = {name.split("/")[1] for name in arrays if name.startswith("decoder/layer_")} - {"layer_norm"}
        return cls(
            encoder_parameters=sum(size for name, size in sizes.items() if name.startswith("encoder/")),
            decoder_parameters=sum(size for name, size in sizes.items() if name.startswith("decoder/")),
            layers=len(layers),
            width=arrays["encoder/conv1/weight"].shape[0],
        )


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


def need(dimensions: Dimensions, settings: Settings, *, frames: int) -> Need:
    """The memory for windows of so many frames with these settings, on this machine."""
    number_format = processor.number_format(settings.compute_type)
    parameters = dimensions.encoder_parameters + dimensions.decoder_parameters
    encoder_bytes = ENCODER_NUMBER_BYTES.get(number_format, REDUCED_ENCODER_BYTES)
    windows = processor.workers(settings) * settings.batch_size
    encoding = (frames + 1) // 2 * dimensions.width * FLOAT_BYTES
    calls = max(settings.max_running, settings.lanes)
    frames_of_call = settings.max_audio_seconds * SAMPLE_RATE // FRAME * CHANNELS
    return Need(
        process=PROCESS,
        weights=parameters * (NUMBER_BYTES.get(number_format, REDUCED_BYTES) + LOADING_BYTES)
        + dimensions.encoder_parameters * encoder_bytes,
        batches=windows * DECODER_COPIES * 2 * dimensions.layers * encoding,
        calls=calls * (windows * encoding + frames_of_call * BYTES_PER_FRAME),
        decoders=FORK_SERVER + calls * CHILD,
    )


def check(folder: Path, settings: Settings, *, frames: int) -> None:
    """Refuse settings with which the engine would outgrow its container; a model of unknown format is left to CTranslate2.

    Raises:
        SettingError: with the largest batch that fits or, if none does, the model.
    """
    limit = processor.memory_limit()
    try:
        dimensions = Dimensions.read(folder)
    except EncoderUnavailable:
        return
    needed = need(dimensions, settings, frames=frames)
    if needed.total <= limit:
        return
    told = f"the container has {limit // MB} MB, and this would need {needed}"
    fitting = [
        size
        for size in range(1, settings.batch_size)
        if need(dimensions, replace(settings, batch_size=size), frames=frames).total <= limit
    ]
    if not fitting:
        raise SettingError(variable("model"), settings.model, f"one that fits: {told}")
    workers = processor.workers(settings)
    raise SettingError(
        variable("batch_size"), settings.batch_size, f"at most {fitting[-1]} with {workers} workers: {told}"
    )
