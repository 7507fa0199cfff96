"""Where an environment's tasks send traces."""

import re
from dataclasses import dataclass

from service.contract import OTLP_ENDPOINT_VARIABLE
from stacks.capacity import InvalidEnvironment, typed

MAX_PORT = 65_535
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class TracePlan:
    """A collector of traces, which the tasks must be able to reach.

    Attributes:
        endpoint: URL of a collector that takes OTLP over HTTP, such as `http://collector.internal:4318`; empty for none.
    """

    endpoint: str = ""

    def __post_init__(self) -> None:
        typed(self, "traces")
        if self.endpoint and not 0 < self.port <= MAX_PORT:
            expected = "http:// or https://, a host and perhaps a port and a path; or nothing"
            raise InvalidEnvironment("traces.endpoint", self.endpoint, expected)

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables of a task that sends them."""
        return {OTLP_ENDPOINT_VARIABLE: self.endpoint} if self.endpoint else {}

    @property
    def port(self) -> int:
        """The collector's port; 0 if there is no collector."""
        parts = self._parts
        return int(parts["port"] or DEFAULT_PORTS[parts["scheme"]]) if parts else 0

    @property
    def _parts(self) -> re.Match[str] | None:
        form = r"(?P<scheme>https?)://[A-Za-z0-9][A-Za-z0-9.-]*(:(?P<port>\d{1,5}))?(/[\w./-]*)?"
        return re.fullmatch(form, self.endpoint, re.ASCII)
