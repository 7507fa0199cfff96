"""Constructs and helpers that several rooms use."""
