"""The plan of an API: valid choices, and its office hours."""

from collections.abc import Callable
from dataclasses import replace
from datetime import time

import pytest

from stacks.environments import ApiPlan, InvalidEnvironment, OfficeHours, Routing, WebAcl

CERTIFICATE = f"arn:aws:acm:eu-central-1:{'1' * 12}:certificate/0f0f"
HOURS = OfficeHours(time_zone="Europe/Paris", start=time(7, 30), end=time(19))

REFUSALS: list[tuple[Callable[[], object], str]] = [
    (lambda: ApiPlan(min_tasks=0), "api.min_tasks: got '0', expected a whole number, 1 or more"),
    (lambda: ApiPlan(bake_minutes=-1), "api.bake_minutes: got '-1', expected a whole number, from 0 to 1440"),
    (lambda: ApiPlan(bake_minutes=1441), "api.bake_minutes: got '1441', expected a whole number, from 0 to 1440"),
    (
        lambda: ApiPlan(slow_start_seconds=10, routing=Routing.ROUND_ROBIN),
        "api.slow_start_seconds: got '10', expected 30 to 900, or 0 for none",
    ),
    (
        lambda: ApiPlan(slow_start_seconds=60),
        "api.slow_start_seconds: got '60', expected 0, because least-outstanding-requests routing has no slow start;",
    ),
    (
        lambda: ApiPlan(slow_start_seconds=60, routing=Routing.WEIGHTED_RANDOM),
        "api.slow_start_seconds: got '60', expected 0, because weighted-random routing has no slow start;",
    ),
    (lambda: ApiPlan(subdomain="Speech"), "api.subdomain: got 'Speech', expected a name such as speech, without its"),
    (lambda: ApiPlan(subdomain="speech."), "api.subdomain: got 'speech.', expected a name such as speech, without its"),
    (
        lambda: ApiPlan(certificate_arn="mine"),
        "api.certificate_arn: got 'mine', expected the ARN of an ACM certificate",
    ),
    (
        lambda: ApiPlan(issue_certificate=True),
        "api.issue_certificate: got 'True', expected False without a subdomain, for which it would be",
    ),
    (
        lambda: ApiPlan(issue_certificate=True, subdomain="speech", certificate_arn=CERTIFICATE),
        "api.issue_certificate: got 'True', expected False when certificate_arn is given",
    ),
    (
        lambda: WebAcl(requests_per_minute=9),
        "api.web_acl.requests_per_minute: got '9', expected a whole number, 10 or more",
    ),
    (
        lambda: ApiPlan(web_acl=True),  # type: ignore[arg-type]
        "api.web_acl: got 'True', expected WebAcl(…) or None",
    ),
    (
        lambda: replace(HOURS, time_zone="Europe/Pari"),
        "api.hours.time_zone: got 'Europe/Pari', expected a time zone such as Europe/Paris",
    ),
    (lambda: replace(HOURS, days=()), "api.hours.days: got '', expected different days from MON, TUE, WED, THU, FRI,"),
    (lambda: replace(HOURS, days=("MON", "MON")), "api.hours.days: got 'MON, MON', expected different days from MON"),
    (lambda: replace(HOURS, days=("Monday",)), "api.hours.days: got 'Monday', expected different days from MON, TUE,"),
    (
        lambda: replace(HOURS, end=time(7, 30)),
        "api.hours.end: got '07:30:00', expected later than 07:30:00, the start, on the same day",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSALS)
def test_invalid_choice_is_refused_in_one_line(make: Callable[[], object], message: str) -> None:
    """The line names the field, the value and the expectation."""
    with pytest.raises(InvalidEnvironment, match=r"^[^\n]+$") as refusal:
        make()
    assert str(refusal.value).startswith(message)


def test_office_hours_are_a_share_of_the_week() -> None:
    """Eleven and a half hours on five days."""
    assert HOURS.share == pytest.approx(5 * 11.5 / 168)


def test_tasks_outside_office_hours_cost_nothing() -> None:
    """The estimate counts only the hours in which tasks run."""
    assert ApiPlan(min_tasks=2).average_tasks == 2
    assert ApiPlan(min_tasks=2, hours=HOURS).average_tasks == pytest.approx(2 * HOURS.share)
