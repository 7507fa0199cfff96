"""Webhooks: signed requests that tell a caller's server that its job has ended."""
