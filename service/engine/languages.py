"""The language of a call, and of a window that clearly has another one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from service.transcript import UNDETERMINED

# A window has another language than its call if the model is this certain and the window this long.
CERTAIN_PROBABILITY, UNLIKELY_PROBABILITY = 0.8, 0.15
MIN_SECONDS = 4.0
# Below this the model guesses.
MIN_PROBABILITY = 0.5
# A voice of which the allowed languages explain less than this speaks none of them.
MIN_ALLOWED = 0.1
# The weight of a window whose sound may be no speech, in seconds.
DOUBTFUL_SECONDS = 0.1

Vote = Mapping[str, float]


@dataclass(slots=True, kw_only=True)
class Languages:
    """The evidence of one call.

    Args:
        given: the call's language if it is known, which then counts for every window; empty to detect it.
        allowed: the languages that callers speak; empty allows all.
    """

    given: str = ""
    allowed: frozenset[str] = frozenset()
    _seconds: float = 0.0
    _shares: dict[str, float] = field(default_factory=dict)

    def vote(self, votes: Sequence[Vote], seconds: Sequence[float]) -> list[str]:
        """Add the votes of further windows, weighted by their seconds of speech; returns the language of each."""
        votes = [self._allowed(vote) for vote in votes]
        for vote, weight in zip(votes, seconds, strict=True):
            self._seconds += weight
            for code, share in vote.items():
                self._shares[code] = self._shares.get(code, 0.0) + share * weight
        return [self._of(vote, weight) for vote, weight in zip(votes, seconds, strict=True)]

    @property
    def language(self) -> str:
        """The language of most of the call's speech; `und` before the first vote."""
        return self.given or max(self._shares, key=self._shares.__getitem__, default=UNDETERMINED)

    @property
    def probability(self) -> float:
        """The model's probability for that language, 0 to 1."""
        if self.given:
            return 1.0
        return self._shares[self.language] / self._seconds if self._seconds else 0.0

    @property
    def known(self) -> bool:
        """Whether the language is more than a guess."""
        return bool(self.given) or self.probability >= MIN_PROBABILITY

    def _allowed(self, vote: Vote) -> Vote:
        if not self.allowed:
            return vote
        allowed = {code: share for code, share in vote.items() if code in self.allowed}
        total = sum(allowed.values())
        return {code: share / total for code, share in allowed.items()} if total >= MIN_ALLOWED else allowed

    def _of(self, vote: Vote, seconds: float) -> str:
        best = max(vote, key=vote.__getitem__)
        certain = vote[best] >= CERTAIN_PROBABILITY and vote.get(self.language, 0.0) <= UNLIKELY_PROBABILITY
        return best if certain and seconds >= MIN_SECONDS else self.language
