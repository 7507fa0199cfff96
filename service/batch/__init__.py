"""The batch path: a message announces an upload, and its transcript lands in the transcripts bucket."""
