"""Transcription from a queue: workers and their scaling."""
