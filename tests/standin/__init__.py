"""A stand-in for Whisper, and calls for it: for tests of processes, kills and HTTP, never of words.

It has Whisper's architecture and tokenizer at a tenth of `base`'s computing, and understands about 380 words in synthetic
voices. It was trained for this project; the recipe is in the repository's history. The tokenizer is OpenAI's (MIT).
"""

from pathlib import Path

from demo.truth import load_calls

FOLDER = Path(__file__).parent
MODEL = FOLDER / "model"
CALLS = load_calls(FOLDER / "calls")
# The shortest call.
VOICEMAIL = CALLS["voicemail.wav"].path
