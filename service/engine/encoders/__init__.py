"""Whisper's encoder: features of a window in, its encoding out. The decoder does not know which one runs."""

from service.engine.encoders.base import Encoder, EncoderUnavailable, NativeEncoder
from service.engine.encoders.choice import choose, known_sound

__all__ = ["Encoder", "EncoderUnavailable", "NativeEncoder", "choose", "known_sound"]
