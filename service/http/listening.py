"""The port, bound before the model is loaded."""

import socket

from service.settings import SettingError, Settings


def bind(settings: Settings) -> socket.socket:
    """A socket that is bound but does not listen: clients are refused, not kept waiting, while the model loads."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except socket.gaierror:
        raise SettingError("WHISPER_HOST", settings.host, "an address of this machine") from None
    except OSError as error:
        raise SettingError(
            "WHISPER_PORT", settings.port, f"a port free on {settings.host} ({error.strerror})"
        ) from None
    return listener
