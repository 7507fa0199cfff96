"""The check of the engine's memory at its start, by the model's weights and the container's limit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from service import processor
from service.engine.encoders.base import EncoderUnavailable
from service.engine.encoders.parameters import Parameters
from service.footprint import MB, Dimensions, Need
from service.footprint import need as need_of
from service.settings import SettingError, Settings, variable


def read_dimensions(folder: Path) -> Dimensions:
    """The dimensions of a model, from its weights.

    Raises:
        EncoderUnavailable: the file has an unknown format, or is damaged.
    """
    parameters = Parameters.read(folder / "model.bin", prefix="")
    sizes = {name: array.size for name, array in parameters.arrays.items()}
    layers = {name.split("/")[1] for name in sizes if name.startswith("decoder/layer_")} - {"layer_norm"}
    return Dimensions(
        encoder_parameters=sum(size for name, size in sizes.items() if name.startswith("encoder/")),
        decoder_parameters=sum(size for name, size in sizes.items() if name.startswith("decoder/")),
        layers=len(layers),
        width=parameters.stored("encoder/conv1/weight").shape[0],
    )


def need(dimensions: Dimensions, settings: Settings) -> Need:
    """The memory that a model needs with these settings, on this machine."""
    number_format = processor.number_format(settings.compute_type)
    return need_of(dimensions, settings, number_format=number_format, workers=processor.workers(settings))


def check(folder: Path, settings: Settings) -> None:
    """Refuse settings with which the engine would outgrow its container; a model of unknown format is left to CTranslate2.

    Raises:
        SettingError: with the largest batch that fits; if none does, the most calls at once; if not even one, the model.
    """
    limit = processor.memory_limit()
    try:
        dimensions = read_dimensions(folder)
    except EncoderUnavailable:
        return
    needed = need(dimensions, settings)
    if needed.total <= limit:
        return
    told = f"the container has {limit // MB} MB, and this would need {needed}"
    calls = "max_running" if settings.max_running >= settings.lanes else "lanes"
    for name, beside in (("batch_size", f" with {processor.workers(settings)} workers"), (calls, "")):
        value = getattr(settings, name)
        fewer: list[dict[str, Any]] = [{name: n} for n in range(1, value)]
        fitting = [n[name] for n in fewer if need(dimensions, replace(settings, **n)).total <= limit]
        if fitting:
            raise SettingError(variable(name), value, f"at most {fitting[-1]}{beside}: {told}")
    raise SettingError(variable("model"), settings.model, f"one that fits: {told}")
