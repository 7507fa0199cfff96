"""Pipelines that test, build, deploy and release."""
