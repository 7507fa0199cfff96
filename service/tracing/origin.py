"""The request that a recording came with, in the metadata of its object: the API writes it, a worker reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from service import telemetry
from service.contract import REQUEST_ID_METADATA, TRACE_METADATA
from service.tracing import spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A request, by its id and its span; each is empty if it is unknown."""

    request_id: str = ""
    traceparent: str = ""

    @classmethod
    def present(cls) -> Self:
        """The request that is being served."""
        return cls(request_id=telemetry.request_id.get(), traceparent=spans.traceparent())

    @classmethod
    def read(cls, metadata: Mapping[str, str]) -> Self:
        """The request in the metadata of an object; anybody who may upload wrote it, so that ids are checked."""
        request_id = metadata.get(REQUEST_ID_METADATA, "")
        return cls(
            request_id=request_id if telemetry.is_request_id(request_id) else "",
            traceparent=metadata.get(TRACE_METADATA, ""),
        )

    @property
    def metadata(self) -> dict[str, str]:
        """For an object."""
        found = {REQUEST_ID_METADATA: self.request_id, TRACE_METADATA: self.traceparent}
        return {name: value for name, value in found.items() if value}
