"""Transcription of old recordings, beside the new ones."""
