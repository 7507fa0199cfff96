"""Buckets and queues for recordings and transcripts."""
