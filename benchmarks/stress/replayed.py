"""The simulator's replay of a scenario, with the parameters of the measurement."""

from dataclasses import replace

from benchmarks.stress.measurement import Measured
from benchmarks.stress.scenarios import Scenario
from stacks.capacity.simulation import LOCAL, Batch, Grant, Outcome, Replay
from stacks.environments import Environment


def overhead(calibration: Measured, *, environment: Environment) -> float:
    """Seconds of the plan that a call takes beside its length, of one worker under steady load."""
    return max(0.0, calibration.seconds_per_call - 60 * environment.workload.talk_minutes_per_call / calibration.pace)


def replay(
    scenario: Scenario, measured: Measured, *, environment: Environment, overhead_seconds: float = 0.0
) -> Outcome:
    """The same calls at the same times, with the start and the pace of the measured workers.

    One process after the other has these of its own; median and average stand for them. Everything else is the plan's.
    """
    plan, workload = environment.plan, environment.workload
    most = plan.batch_max_tasks
    grants = () if scenario.granted is None else (Grant(seconds=0.0, share=(scenario.granted + 0.5) / most),)
    # This machine is one kind of host, whatever the plan's tasks may get.
    speed = replace(plan.speed.limiting, audio_seconds_per_second=measured.pace)
    return Replay(
        plan=replace(plan, speed=speed),
        batches=[Batch(due=3600 * workload.window_hours, arrivals=measured.arrivals)],
        lengths=[60 * workload.talk_minutes_per_call],
        behaviour=replace(
            LOCAL, start_seconds=(measured.start_seconds,) * 3, call_overhead_seconds=overhead_seconds, grants=grants
        ),
        lanes=environment.settings.lanes,
    ).run()
