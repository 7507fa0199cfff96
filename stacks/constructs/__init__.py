"""One construct per capability; each owns its resources and exposes few typed attributes."""
