"""The URL of a webhook, read strictly: what is checked is what is sent."""

import re
from collections.abc import Collection
from dataclasses import dataclass

# The firewall of the tasks lets no other port out.
PORTS = frozenset({443})
MAX_URL_CHARACTERS = 2000
# Neither user and password nor a fragment, nor a character that two readers of URLs could take differently.
_URL = re.compile(
    r"https://(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?(?P<path>/[\w.~!$&'()*+,;=:@%/-]*)?"
    r"(?P<query>\?[\w.~!$&'()*+,;=:@%/?-]*)?",
    re.ASCII,
)
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
# A last label that begins with a digit may be read as a number, and so the name as an address: 127.1, 0x7f.0.0.0x1.
_NAME = re.compile(rf"({_LABEL}\.)+[a-z][a-z0-9-]{{0,61}}[a-z0-9]", re.ASCII)
MAX_NAME_CHARACTERS = 253


class WrongTarget(ValueError):
    """The URL of a webhook breaks a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The parts of a webhook's URL; `path` includes the query."""

    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as a request names them."""
        return self.host if self.port == 443 else f"{self.host}:{self.port}"


def expected(ports: Collection[int] = PORTS) -> str:
    """A description of URLs that work."""
    listed = ", ".join(map(str, sorted(ports)))
    return (
        f"an https:// URL of at most {MAX_URL_CHARACTERS} characters, with the name of a host (no address), without user,"
        f" password and fragment; port {listed}"
    )


def read_target(url: str, *, ports: Collection[int] = PORTS) -> Target:
    """The parts of a webhook's URL.

    >>> read_target("https://Example.com?a=1").path
    '/?a=1'

    Raises:
        WrongTarget: it is no https URL of a host's name, has a part too many, or another port than `ports`.
    """
    found = _URL.fullmatch(url) if len(url) <= MAX_URL_CHARACTERS else None
    host, port = (found["host"].lower(), int(found["port"] or 443)) if found else ("", 0)
    if not found or len(host) > MAX_NAME_CHARACTERS or not _NAME.fullmatch(host) or port not in ports:
        raise WrongTarget(expected(ports))
    return Target(host=host, port=port, path=(found["path"] or "/") + (found["query"] or ""))
