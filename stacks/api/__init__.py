"""Transcription over HTTP: load balancer, tasks and scaling."""
