"""Bytes → `Recording`: every channel at 16 kHz, and an account of the audio that could not be decoded."""

from service.recording.blocks import blocks, forget
from service.recording.decoding import decode
from service.recording.formats import MAX_CHANNELS
from service.recording.recording import BYTES_PER_SAMPLE, SAMPLE_RATE, Decode, DuplicateChannel, Gap, Recording

__all__ = [
    "BYTES_PER_SAMPLE",
    "MAX_CHANNELS",
    "SAMPLE_RATE",
    "Decode",
    "DuplicateChannel",
    "Gap",
    "Recording",
    "blocks",
    "decode",
    "forget",
]
