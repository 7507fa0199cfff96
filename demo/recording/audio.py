"""Speech as a telephone carries it: resampled, limited to its band, levelled, encoded."""

from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

# Relative to the loudest sample; quieter is silence.
SILENCE = 0.01
FADE_SECONDS = 0.03
PEAK = 0.89


def resample(samples: Samples, rate: int, to_rate: int) -> Samples:
    """Mono samples at another rate, shape (frames,)."""
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="flt", layout="mono", rate=to_rate)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray()[0] for part in frames])


def telephone_band(samples: Samples, rate: int) -> Samples:
    """The samples, shape (…, frames), damped outside 300-3400 Hz as by a fourth-order Butterworth filter."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(samples.shape[-1], 1 / rate)
    with np.errstate(divide="ignore"):
        gain = 1 / np.sqrt((1 + (300 / hertz) ** 8) * (1 + (hertz / 3400) ** 8))
    return np.fft.irfft(spectrum * gain, samples.shape[-1]).astype(np.float32)


def trim(samples: Samples, rate: int) -> Samples:
    """The samples from the first to the last sound, faded in before it and out after it."""
    loudness = np.abs(samples)
    voiced = np.flatnonzero(loudness > SILENCE * loudness.max())
    fade = round(FADE_SECONDS * rate)
    padded = np.pad(samples, fade)[voiced[0] : voiced[-1] + 1 + 2 * fade]
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    padded[:fade] *= ramp
    padded[-fade:] *= ramp[::-1]
    return padded


def level(samples: Samples, decibels: float, rate: int) -> Samples:
    """The samples with a loudness (RMS of the speech, in dB of full scale) that clips no peak."""
    step = rate // 50
    frames = samples[: len(samples) // step * step].reshape(-1, step)
    power = (frames**2).mean(axis=1)
    spoken = power[power > power.max() * 1e-3].mean()
    return samples * np.float32(min(10 ** (decibels / 20) / np.sqrt(spoken), PEAK / np.abs(samples).max()))


def write(path: Path, samples: Samples, rate: int) -> None:
    """Encode samples of shape (channels, frames), -1…1, as µ-law WAV or as MP3, by the path's suffix."""
    codec: Literal["pcm_mulaw", "libmp3lame"] = "libmp3lame" if path.suffix == ".mp3" else "pcm_mulaw"
    layout = {1: "mono", 2: "stereo"}[len(samples)]
    pcm = np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)
    # Bit-exact muxing leaves out the library's version; joint stereo would mix the speakers.
    options = {"flags": "+bitexact"} | ({"b": "48k", "joint_stereo": "0"} if codec == "libmp3lame" else {})
    with av.open(path, "w", container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout, options=options)
        frame = av.AudioFrame.from_ndarray(pcm.T.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        for part in (frame, None):
            container.mux(stream.encode(part))
