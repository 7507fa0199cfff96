"""How the API is reached, scaled and deployed, and the limits of its requests."""

import re
from dataclasses import dataclass, replace
from datetime import time
from enum import StrEnum
from zoneinfo import available_timezones

from service.settings import Settings
from stacks.capacity import InvalidEnvironment, Speed, largest_upload, typed, whole
from stacks.environments.checks import listed
from stacks.environments.network import Egress
from stacks.environments.web_acl import WebAcl

CERTIFICATE = r"arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]+"
# ECS accepts a day at most.
MAX_BAKE_MINUTES = 1440
# More would put the CPU target below a tenth.
MAX_HEADROOM = 9

DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


class Routing(StrEnum):
    """How the load balancer chooses the task that answers."""

    LEAST_OUTSTANDING = "least-outstanding-requests"  # the one with the fewest requests: right if they take minutes
    WEIGHTED_RANDOM = "weighted-random"  # any, and fewer to one that answers with errors: anomaly mitigation
    ROUND_ROBIN = "round-robin"  # one after the other: the only one that lets a new task start slowly


class Strategy(StrEnum):
    """How a new version replaces the old one."""

    ROLLING = "rolling"  # task by task
    BLUE_GREEN = "blue-green"  # all at once, beside the old ones, which stay for a while


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeHours:
    """When an API runs: from `start` to `end` on some days of the week.

    >>> OfficeHours(time_zone="Europe/Paris", start=time(7, 30), end=time(19)).share
    0.34226190476190477
    """

    time_zone: str
    start: time
    end: time
    days: tuple[str, ...] = DAYS[:5]

    def __post_init__(self) -> None:
        typed(self, "api.hours")
        if self.time_zone not in available_timezones():
            raise InvalidEnvironment("api.hours.time_zone", self.time_zone, "a time zone such as Europe/Paris")
        if not self.days or len(set(self.days)) < len(self.days) or not set(self.days) <= set(DAYS):
            raise InvalidEnvironment("api.hours.days", listed(self.days), f"different days from {listed(DAYS)}")
        if not self.start < self.end:
            raise InvalidEnvironment("api.hours.end", self.end, f"later than {self.start}, the start, on the same day")

    @property
    def share(self) -> float:
        """Part of a week that they cover."""
        minutes = [60 * at.hour + at.minute for at in (self.start, self.end)]
        return len(self.days) * (minutes[1] - minutes[0]) / (7 * 24 * 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPlan:
    """How the API is reached, scaled and deployed.

    Attributes:
        min_tasks: tasks that run without load.
        headroom: spare capacity over the busiest hour, as a share of it.
        hours: when it runs; None for always.
        keys: requests need one of the keys in the environment's secret.
        webhooks: jobs may have webhooks, for which its tasks connect to hosts of the internet.
        certificate_arn: of its name, from ACM; empty if an SSM parameter of the account has it.
        issue_certificate: ACM issues one for its name, which it validates in the account's hosted zone.
        subdomain: its name within the account's hosted zone; empty for the name that AWS gives.
        web_acl: rules of AWS WAF that requests must pass; None for none.
        routing: how the load balancer chooses a task.
        slow_start_seconds: time over which a new task gets its full share of requests; 0 gives it at once.
        strategy: how a deployment replaces tasks.
        bake_minutes: how long old tasks stay after a blue/green deployment, ready for a rollback.
    """

    min_tasks: int = 1
    headroom: float = 0.25
    hours: OfficeHours | None = None
    keys: bool = True
    webhooks: bool = False
    certificate_arn: str = ""
    issue_certificate: bool = False
    subdomain: str = ""
    web_acl: WebAcl | None = None
    routing: Routing = Routing.LEAST_OUTSTANDING
    slow_start_seconds: int = 0
    strategy: Strategy = Strategy.ROLLING
    bake_minutes: int = 10

    def __post_init__(self) -> None:
        typed(self, "api")
        # A request cannot wake an API without tasks: no task would count it.
        whole("api.min_tasks", self.min_tasks, least=1)
        whole("api.bake_minutes", self.bake_minutes, least=0, most=MAX_BAKE_MINUTES)
        if not 0 <= self.headroom <= MAX_HEADROOM:
            raise InvalidEnvironment("api.headroom", self.headroom, f"a share from 0 to {MAX_HEADROOM}")
        if self.slow_start_seconds not in (0, *range(30, 901)):
            raise InvalidEnvironment("api.slow_start_seconds", self.slow_start_seconds, "30 to 900, or 0 for none")
        if self.slow_start_seconds and self.routing is not Routing.ROUND_ROBIN:
            expected = f"0, because {self.routing} routing has no slow start; {Routing.ROUND_ROBIN} has"
            raise InvalidEnvironment("api.slow_start_seconds", self.slow_start_seconds, expected)
        label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
        if self.subdomain and not re.fullmatch(rf"{label}(\.{label})*", self.subdomain):
            raise InvalidEnvironment("api.subdomain", self.subdomain, "a name such as speech, without its zone")
        if self.certificate_arn and not re.fullmatch(CERTIFICATE, self.certificate_arn):
            raise InvalidEnvironment("api.certificate_arn", self.certificate_arn, "the ARN of an ACM certificate")
        if (issue := self.issue_certificate) and self.certificate_arn:
            raise InvalidEnvironment("api.issue_certificate", issue, "False when certificate_arn is given")
        if issue and not self.subdomain:
            raise InvalidEnvironment("api.issue_certificate", issue, "False without a subdomain, for which it would be")

    @property
    def certificate_region(self) -> str:
        """The certificate's region; empty without a certificate."""
        return self.certificate_arn.split(":")[3] if self.certificate_arn else ""

    @property
    def average_tasks(self) -> float:
        """Tasks that run without load, on average over the week."""
        return self.min_tasks * (self.hours.share if self.hours else 1.0)


def check_webhooks(environment: str, api: ApiPlan, *, egress: Egress) -> None:
    """Refuse webhooks of tasks that do not reach the internet.

    Raises:
        InvalidEnvironment: names the field.
    """
    if api.webhooks and egress is Egress.ENDPOINTS:
        expected = f"False when network.egress is {egress}, from where no receiver is reached"
        raise InvalidEnvironment(f"{environment}.api.webhooks", api.webhooks, expected)


def request_limits(settings: Settings, *, speed: Speed) -> Settings:
    """The service's settings with an API's limits on a request.

    The API refuses a recording that it could not answer before its own deadline, or could not store. Jobs go to the workers,
    whose limits stay as they are.
    """
    deadline = min(settings.job_deadline_seconds, settings.api_deadline_seconds)
    longest = min(settings.max_audio_seconds, int(deadline * speed.limiting.audio_seconds_per_second))
    return replace(
        settings,
        job_deadline_seconds=deadline,
        max_audio_seconds=longest,
        max_upload_bytes=largest_upload(replace(settings, max_audio_seconds=longest)),
        worker_max_upload_bytes=settings.max_upload_bytes,
        worker_max_audio_seconds=settings.max_audio_seconds,
        worker_deadline_seconds=settings.job_deadline_seconds,
    )
