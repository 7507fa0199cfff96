"""A week of recordings on a fleet, replayed event by event, and how far chance moves the result."""

from stacks.capacity.simulation.behaviour import LOCAL, Behaviour, Grant
from stacks.capacity.simulation.calls import Batch, lengths, week
from stacks.capacity.simulation.local import drain
from stacks.capacity.simulation.outcome import Drained, Outcome, Sample
from stacks.capacity.simulation.replay import Replay
from stacks.capacity.simulation.uncertainty import Case, Chances

__all__ = [
    "LOCAL",
    "Batch",
    "Behaviour",
    "Case",
    "Chances",
    "Drained",
    "Grant",
    "Outcome",
    "Replay",
    "Sample",
    "drain",
    "lengths",
    "week",
]
