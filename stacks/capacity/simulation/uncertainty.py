"""How far chance moves a plan: many replays of a week, each with other hosts, calls and Spot."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from stacks.capacity.fleet import Plan
from stacks.capacity.relief import SPOT_SHARE
from stacks.capacity.simulation.behaviour import Behaviour, Grant
from stacks.capacity.simulation.calls import lengths, week
from stacks.capacity.simulation.outcome import Outcome
from stacks.capacity.simulation.replay import Replay
from stacks.capacity.workload import Workload

# More runs show no more; fewer give no share. Large workloads get fewer, so that a plan takes seconds.
MOST_RUNS, LEAST_RUNS, CALLS = 100, 16, 500_000
# All of these are assumed.
BUSY_WEEK = (0.8, 1.3)
METRIC_MINUTES = (1, 3)
SHORTAGE_CHANCE = 0.2
SHORTAGE_HOURS = (1.0, 24.0)
SHORTAGE_SHARES = (0.25, 1.0)
ASSUMED = (
    "a week has 0.8 to 1.3 times the calls",
    "metrics are 1 to 3 minutes late",
    "in every fifth week, Spot grants only 25 to 100 % of the tasks for 1 to 24 hours",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is replayed.

    Attributes:
        plan: of the fleet.
        workload: the calls.
        behaviour: of the surroundings, without chance.
        longest_seconds: longest recording accepted.
        lanes: messages that a task holds at once.
        always_on_demand: tasks of the fleet that are not on Spot.
    """

    plan: Plan
    workload: Workload
    behaviour: Behaviour
    longest_seconds: float
    lanes: int = 1
    always_on_demand: int = 0

    def replay(self, *, seed: int = 0, volume: float = 1.0) -> Outcome:
        """One week; `volume` multiplies its calls."""
        chance = random.Random(seed)  # noqa: S311 -- a simulation
        calls = lengths(self.workload, spread=self.behaviour.length_spread, longest=self.longest_seconds, chance=chance)
        return Replay(
            plan=self.plan,
            batches=list(week(self.workload, chance=chance, volume=volume)),
            lengths=calls,
            behaviour=self.behaviour,
            lanes=self.lanes,
            always_on_demand=self.always_on_demand,
            seed=seed,
        ).run()

    def chances(self, *, runs: int | None = None, seed: int = 0) -> "Chances":
        """Many weeks, each of another chance; without `runs`, as many as take seconds."""
        calls = self.workload.calls * self.workload.days_per_week / self.workload.days_per_batch
        runs = runs or min(MOST_RUNS, max(LEAST_RUNS, int(CALLS / calls)))
        chance = random.Random(seed)  # noqa: S311 -- a simulation
        return Chances(outcomes=list(self._outcomes(runs, chance)))

    def short(self) -> Outcome:
        """A week in which Spot grants, from the beginning, only the share that relief is sized for."""
        return replace(self, behaviour=replace(self.behaviour, grants=(Grant(seconds=0, share=SPOT_SHARE),))).replay()

    def _outcomes(self, runs: int, chance: random.Random) -> Iterator[Outcome]:
        for number in range(runs):
            behaviour = replace(
                self.behaviour, metric_minutes=chance.randint(*METRIC_MINUTES), grants=self._grants(chance)
            )
            volume = chance.triangular(*BUSY_WEEK, 1.0)
            yield replace(self, behaviour=behaviour).replay(seed=chance.getrandbits(32) + number, volume=volume)

    def _grants(self, chance: random.Random) -> tuple[Grant, ...]:
        """What Spot grants in a week; a shortage falls into the time of a batch."""
        hit = chance.random() < SHORTAGE_CHANCE
        begin = 3600 * chance.uniform(0, self.workload.window_hours / 2)
        hours, share = chance.uniform(*SHORTAGE_HOURS), chance.uniform(*SHORTAGE_SHARES)
        return (Grant(seconds=begin, share=share), Grant(seconds=begin + hours * 3600, share=1.0)) if hit else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """The weeks that were replayed."""

    outcomes: Sequence[Outcome]

    @property
    def runs(self) -> int:
        """How many there are."""
        return len(self.outcomes)

    @property
    def missed_share(self) -> float:
        """Part of the weeks in which a transcript was late."""
        return sum(outcome.missed for outcome in self.outcomes) / self.runs

    def reached(self, share: float, of: Callable[[Outcome], float]) -> float:
        """The value that this share of the weeks stays at or below: 0.9 gives the p90."""
        return sorted(map(of, self.outcomes))[math.ceil(share * self.runs) - 1]
