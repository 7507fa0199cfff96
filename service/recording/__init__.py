"""Bytes → `Recording`: every channel at 16 kHz, and an account of what could not be decoded."""

from service.recording.audio import MAX_CHANNELS, SAMPLE_RATE, Gap, Recording, decode

__all__ = ["MAX_CHANNELS", "SAMPLE_RATE", "Gap", "Recording", "decode"]
