"""A call of the script, spoken: turns in several voices, with pauses and a line's noise."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from demo.recording.audio import FADE_SECONDS, Samples, level, resample, telephone_band, trim
from demo.recording.voices import RATE as VOICE_RATE
from demo.recording.voices import Speaker, Voice
from demo.truth import Turn

RATE = 8_000
SPEECH_DECIBELS = -23.0
LINE_NOISE = 0.0008
# Seconds before a turn, between which the seed chooses.
FIRST_PAUSE, SAME_SPEAKER_PAUSE, OTHER_SPEAKER_PAUSE = (0.7, 1.1), (0.35, 0.6), (0.45, 0.95)
SPEEDS = (0.97, 1.03)


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """The speech of a turn, and the frame at which it begins."""

    channel: int
    start: int
    speech: Samples
    text: str

    @property
    def turn(self) -> Turn:
        """The turn, without the fades."""
        fade = round(FADE_SECONDS * RATE)
        start, end = self.start + fade, self.start + len(self.speech) - fade
        return Turn(channel=self.channel, start=round(start / RATE, 3), end=round(end / RATE, 3), text=self.text)


def perform(call: Mapping[str, Any], voices: Mapping[str, Voice], speaker: Speaker) -> tuple[Samples, list[Turn]]:
    """A call's samples, shape (channels, frames), at 8 kHz, and its turns."""
    utterances = _utterances(call, voices, speaker)
    last = utterances[-1]
    samples = np.zeros((len(call["cast"]), last.start + len(last.speech) + RATE), np.float32)
    for utterance in utterances:
        samples[utterance.channel, utterance.start : utterance.start + len(utterance.speech)] += utterance.speech
    noise = np.random.default_rng(call["seed"]).standard_normal(samples.shape, np.float32)
    noisy = samples + np.float32(LINE_NOISE) * telephone_band(noise, RATE)
    return noisy, [utterance.turn for utterance in utterances]


def _utterances(call: Mapping[str, Any], voices: Mapping[str, Voice], speaker: Speaker) -> list[Utterance]:
    rng, cast = random.Random(call["seed"]), list(call["cast"])
    utterances: list[Utterance] = []
    end, previous = 0, ""
    for number, line in enumerate(call["turns"]):
        [(who, text)] = ((key, line[key]) for key in cast if key in line)
        # Drawn even if it is not used, so that a change of one turn does not change all others.
        drawn = rng.uniform(*(SAME_SPEAKER_PAUSE if who == previous else OTHER_SPEAKER_PAUSE))
        pause = line.get("pause", drawn if number else rng.uniform(*FIRST_PAUSE))
        role = call["cast"][who]
        said = speaker.say(line.get("aloud", text), voices[role["voice"]], speed=rng.uniform(*SPEEDS))
        speech = trim(telephone_band(resample(said, VOICE_RATE, RATE), RATE), RATE)
        speech = level(speech, SPEECH_DECIBELS + role.get("louder", 0.0), RATE)
        start = max(end + round(pause * RATE), 0)
        utterances.append(Utterance(channel=cast.index(who), start=start, speech=speech, text=text))
        end, previous = start + len(speech), who
    return utterances
