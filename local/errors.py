"""The one error of this package."""


class LocalError(Exception):
    """The local cloud cannot do what was asked; the message says why in one line."""
