"""A plan as people read it: fleet, time and dollars of a workload, and how far chance moves them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stacks.capacity.fleet import Plan
from stacks.capacity.prices import Prices, Task
from stacks.capacity.relief import SPOT_SHARE
from stacks.capacity.simulation import Chances, Outcome
from stacks.capacity.simulation.behaviour import ASSUMED as SURROUNDINGS
from stacks.capacity.simulation.uncertainty import ASSUMED as CHANCES
from stacks.capacity.speed import Speed
from stacks.capacity.workload import Arrival, Workload

# Points of the line that shows a fleet over time.
POINTS = 12
SUMMARY = (
    "",
    "audio h a month",
    "batch tasks",
    "relief",
    "hours to finish",
    "slack, h",
    "idle $/month",
    "$/month at work",
    "Spot $/audio h",
    "all in, $/audio h",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One environment's plan and bill.

    Attributes:
        name: of the environment, and how its workload differs.
        workload: that it is planned for.
        plan: its fleet.
        task: as it is billed.
        spot_vcpus: the quota that the environment states; the plan may need more.
        on_demand_vcpus: likewise, on demand.
        always_on_demand: tasks of the fleet that are not on Spot.
        idle: dollars a month without a single call.
        bill: dollars a month under the workload, by name.
        prices: of the region.
    """

    name: str
    workload: Workload
    plan: Plan
    task: Task
    spot_vcpus: float
    on_demand_vcpus: float
    always_on_demand: int
    idle: float
    bill: Mapping[str, float]
    prices: Prices

    @property
    def month(self) -> float:
        """Dollars a month under the workload."""
        return sum(self.bill.values())

    @property
    def slack_hours(self) -> float:
        """From the planned end to the time that the transcripts are due."""
        return self.workload.window_hours - self.plan.hours_to_finish

    def compute(self, week: Outcome) -> float:
        """Dollars a month of the batch's tasks, if every batch were like this week's."""
        spot, on_demand = (self.task.per_hour(self.prices, on_demand_share=share) for share in (0, 1))
        dollars = week.spot_hours * spot + (week.on_demand_hours + week.relief_hours) * on_demand
        # A batch of a fortnight is replayed as one week's, and two batches of five days in a week of seven leave a rest.
        return dollars / len(week.batches) * self.workload.batches_per_month

    def summary(self) -> str:
        """The forecast in one line, for a stack's output."""
        plan, workload = self.plan, self.workload
        return (
            f"{workload.audio_hours:,.0f} audio hours a batch on 0 to {plan.batch_max_tasks} tasks{self._firm()} and 0 to"
            f" {plan.relief_max_tasks} as relief, done in {plan.hours_to_finish:.1f} of {workload.window_hours:g} h,"
            f" {self.slack_hours:.1f} h before the deadline; ${self.month:,.0f} a month. Speed {spoken(plan.speed)}."
        )

    def row(self) -> tuple[str, ...]:
        """The forecast in the columns of `SUMMARY`."""
        plan, hours = self.plan, self.workload.audio_hours_per_month
        spot = self.task.per_audio_hour(self.prices, speed=plan.speed, on_demand_share=0)
        return (
            headed(self.name, plan.speed),
            f"{hours:,.0f}",
            f"0 to {plan.batch_max_tasks}",
            f"0 to {plan.relief_max_tasks}",
            f"{plan.hours_to_finish:.1f} of {self.workload.window_hours:g}",
            f"{self.slack_hours:.1f}",
            f"{self.idle:,.0f}",
            f"{self.month:,.0f}",
            f"{spot:.4f}",
            f"{self.month / hours:.3f}",
        )

    def lines(self, chances: Chances, short: Outcome) -> Iterator[str]:
        """The forecast and its uncertainty, a line for each question.

        Args:
            chances: weeks of the workload.
            short: a week in which Spot grants the least that relief is sized for.
        """
        plan, workload, size = self.plan, self.workload, self.task
        vcpus = size.cpu / 1024
        yield f"{self.name}: {told(workload)}"
        yield f"  work          {workload.audio_hours:,.0f} audio hours a batch, {workload.audio_hours_per_month:,.0f} a month"
        yield (
            f"  fleet         0 to {plan.batch_max_tasks} tasks of {vcpus:g} vCPU and {size.memory_mib / 1024:g} GiB"
            f"{self._firm()}, 0 to {plan.relief_max_tasks} on demand as relief; API {plan.api_min_tasks} to {plan.api_max_tasks}"
        )
        on_demand = 2 * plan.api_max_tasks + self.always_on_demand + plan.relief_max_tasks
        yield (
            f"  quotas        needs {quota(plan.batch_max_tasks * vcpus, self.spot_vcpus)} vCPU on Spot,"
            f" {quota(on_demand * vcpus, self.on_demand_vcpus)} on demand"
        )
        yield (
            f"  planned       done in {plan.hours_to_finish:.1f} of {workload.window_hours:g} h on the slowest hosts,"
            f" {self.slack_hours:.1f} h before the deadline; late if a message is older than"
            f" {plan.oldest_message_alarm_seconds / 3600:.1f} h"
        )
        yield from self._simulated(chances)
        yield self._short(short)
        yield from self._costs(chances)
        yield f"  speed         {spoken(plan.speed)}"

    def _firm(self) -> str:
        """The tasks that are not on Spot, if there are any."""
        return f", the first {self.always_on_demand} on demand" if self.always_on_demand else " on Spot"

    def _simulated(self, chances: Chances) -> Iterator[str]:
        usual, bad = (chances.reached(share, lambda week: week.drain_seconds / 3600) for share in (0.5, 0.9))
        yield (
            f"  simulated     done in {usual:.1f} h (p50), {bad:.1f} h (p90) of {chances.runs} weeks,"
            f" {-chances.reached(0.9, lambda week: -week.slack_seconds) / 3600:.1f} h before the deadline (p90); a transcript"
            f" was late in {chances.missed_share:.0%} of them"
        )
        median = sorted(chances.outcomes, key=lambda week: week.drain_seconds)[(chances.runs - 1) // 2]
        hours, tasks = over_time(median)
        step = f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min"
        yield f"  tasks         {tasks}, every {step} of the first batch of a p50 week"
        busy = chances.reached(0.5, lambda week: week.busy_share)
        interruptions, repeats, relief = (
            chances.reached(0.9, of)
            for of in (lambda week: week.interruptions, lambda week: week.repeats, lambda week: week.relief_hours)
        )
        yield (
            f"  interruptions {interruptions:g} tasks, {repeats:g} calls repeated, {relief:.1f} task-hours of relief a week (p90);"
            f" tasks work {busy:.0%} of their life (p50), and the plan allows for {self.plan.speed.busy_share:.0%}"
        )

    def _short(self, week: Outcome) -> str:
        """The week in which Spot grants the least."""
        late = f"{week.slack_seconds / 3600:.1f} h before the deadline" if not week.missed else "too late"
        most = max(sample.relief for sample in week.samples)
        return (
            f"  Spot at {SPOT_SHARE:.0%}   done in {week.drain_seconds / 3600:.1f} h, {late}, with {most} tasks of relief for"
            f" {week.relief_hours:.0f} task-hours; ${self.compute(week):,.2f} a month if every week were so"
        )

    def _costs(self, chances: Chances) -> Iterator[str]:
        compute = self.bill["batch on Spot"] + self.bill["batch on demand"]
        usual, bad = (chances.reached(share, self.compute) for share in (0.5, 0.9))
        hours = self.workload.audio_hours_per_month
        parts = ", ".join(f"{name} {dollars:,.2f}" for name, dollars in self.bill.items() if dollars >= 0.005)
        yield f"  cost          ${self.month:,.0f} a month, of which idle ${self.idle:,.0f}: {parts}"
        yield (
            f"  batch tasks   ${compute:,.2f} a month planned; ${usual:,.2f} (p50), ${bad:,.2f} (p90) simulated;"
            f" ${self.row()[8]} an audio hour on Spot, ${self.row()[9]} all in"
            f" ({hours:,.0f} audio hours, prices of {self.prices.region}, {self.prices.dated})"
        )


def assumptions() -> Iterator[str]:
    """The assumptions of the simulation, a line each."""
    yield "Assumed in every simulated week, and measured nowhere:"
    yield from (f"- {text}" for text in (*CHANCES, *SURROUNDINGS))


def headed(name: str, speed: Speed) -> str:
    """The name of a table's row whose numbers follow from a speed; marked if that is assumed."""
    return name if speed.measured else f"{name} (speed assumed)"


def told(workload: Workload) -> str:
    """A workload in words."""
    speech = "" if workload.speech_share is None else f", {workload.speech_share:g} s of speech in a second"
    days = f"{workload.days_per_batch} days" if workload.days_per_batch > 1 else "a day"
    ways = {
        Arrival.AT_ONCE: "all at once",
        Arrival.OPEN_HOURS: f"over {workload.arrival_hours:g} h",
        Arrival.BURSTS: f"in {workload.bursts} bursts over {workload.arrival_hours:g} h",
    }
    return (
        f"{workload.agents:,} agents, {workload.calls_per_agent_per_day:g} calls a day of"
        f" {workload.talk_minutes_per_call:g} min, {workload.channels} channels{speech}; those of {days} arrive"
        f" {ways[workload.arrival]} and are due after {workload.window_hours:g} h"
    )


def spoken(speed: Speed) -> str:
    """A speed and its source in words; with several kinds of hosts, what half and nine tenths of the tasks reach."""
    kind = "measured" if speed.measured else "assumed"
    spread = f" (p50), {speed.reached_by(0.9):.1f} (p90 of the hosts)" if speed.hosts else ""
    return f"{kind}: {speed.audio_seconds_per_second:.1f} times real time{spread} on {speed.cpu / 1024:g} vCPU; {speed.source}"


def quota(needed: float, stated: float) -> str:
    """The vCPU that are needed, beside the quota that an environment states; marked if it is too small.

    >>> quota(16, 64), quota(144, 64)
    ('16 of 64', '144 (more than 64: raise it first)')
    """
    return f"{needed:g} of {stated:g}" if needed <= stated else f"{needed:g} (more than {stated:g}: raise it first)"


def over_time(week: Outcome) -> tuple[float, str]:
    """The hours between two points of a week's first batch, and the running tasks at each, the relief's after a plus."""
    end = week.batches[0].seconds
    samples = [sample for sample in week.samples if sample.seconds <= end]
    step = max(1, len(samples) // POINTS)
    points = samples[::step]
    text = " ".join(f"{each.running}{f'+{each.relief}' if each.relief else ''}" for each in points)
    hours = (points[1].seconds - points[0].seconds) / 3600 if len(points) > 1 else end / 3600
    return hours, text


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows, the first of them the header, as a table of Markdown."""
    header, *others = rows
    lines = (f"| {' | '.join(row)} |".replace("|  |", "| |") for row in (header, ["---"] * len(header), *others))
    return "".join(f"{line}\n" for line in lines)
