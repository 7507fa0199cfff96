"""The container's health check: a request to the API on this machine."""

from http.client import HTTPConnection, HTTPException

from service.contract import LIVE_PATH
from service.settings import Settings

TIMEOUT_SECONDS = 5


def answers(settings: Settings) -> bool:
    """Whether the API with these settings responds that it is alive."""
    # 0.0.0.0 stands for every address of the container; the check connects to the loopback address.
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host  # noqa: S104 - compared, not bound
    connection = HTTPConnection(host, settings.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", LIVE_PATH)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
