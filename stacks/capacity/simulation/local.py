"""The drain of a backlog by workers that already run, as the benchmarks and the stress test measure it on one machine."""

from stacks.capacity.fleet import Limits, plan
from stacks.capacity.simulation.behaviour import LOCAL, Behaviour
from stacks.capacity.simulation.calls import Batch
from stacks.capacity.simulation.outcome import Outcome
from stacks.capacity.simulation.replay import Replay
from stacks.capacity.speed import Speed
from stacks.capacity.workload import Workload


def drain(*, calls: int, seconds_per_call: float, workers: int, behaviour: Behaviour = LOCAL) -> Outcome:
    """A backlog of equal calls on some workers.

    Args:
        calls: all there at once.
        seconds_per_call: that one worker takes for one of them, alone.
        workers: each with a processor of its own.
        behaviour: of the machine.

    >>> drain(calls=24, seconds_per_call=2.0, workers=2).drain_seconds
    24.0
    """
    # A call of a minute, at the speed that follows from the time it takes.
    speed = Speed(
        audio_seconds_per_second=60 / seconds_per_call, cpu=1024, source="given", measured=True, busy_share=1.0
    )
    workload = Workload(agents=1, calls_per_agent_per_day=1, talk_minutes_per_call=1, days_per_batch=1, window_hours=24)
    limits = Limits(
        spot_vcpus=workers, on_demand_vcpus=4, max_audio_seconds=60, job_deadline_seconds=86_400, relief=False
    )
    return Replay(
        plan=plan(workload=workload, speed=speed, limits=limits),
        batches=[Batch(due=workload.window_hours * 3600, arrivals=[0.0] * calls)],
        lengths=[60.0],
        behaviour=behaviour,
        workers=workers,
    ).run()
