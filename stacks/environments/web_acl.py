"""AWS WAF in front of the API."""

from dataclasses import dataclass

from stacks.capacity import typed, whole

# WAF counts no fewer.
LEAST_REQUESTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAcl:
    """Rules of AWS WAF in front of the API: a rate, and AWS's common rules; $7 a month.

    Attributes:
        requests_per_minute: from one address; further ones are refused until the rate falls.
    """

    requests_per_minute: int = 600

    def __post_init__(self) -> None:
        typed(self, "api.web_acl")
        whole("api.web_acl.requests_per_minute", self.requests_per_minute, least=LEAST_REQUESTS)
