"""Stores for model weights that are not in the image."""
