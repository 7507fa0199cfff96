from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Thread

from service.batch.ports import Answer, ProtectionAgent, Verdict
from service.telemetry import log

# The agent answers within milliseconds. If it does not, unprotected work is better than none.
PATIENCE_SECONDS = 1.0
# How often a task that ECS refuses to protect asks again, and for how long: the answer is wanted, not the protection.
PROBE_SECONDS, PROBE_MINUTES = 15.0, 1


class TaskProtection:
    """Protects the task from scaling in while any lease is held.

    ECS refuses if the service has as many protected tasks as it wants tasks. Then it may stop this one at any moment:
    leases in hand go on, since nothing is gained by giving them up before, but `blocked` says to take no more of them.
    Any other failure, such as a missing permission, only leaves the task unprotected.

    A thread of its own asks the agent, so that a slow answer delays neither heartbeats nor the watch over the lanes.
    Requests that pile up behind a slow answer become one, which asks for what is wanted by then.
    """

    def __init__(self, agent: ProtectionAgent | None, *, minutes: int) -> None:
        self._agent, self._minutes = agent, minutes
        self._changed = Condition()
        self._holders = 0
        self._lifted = False
        self._blocked = False
        # Requests are numbered: the newest one, the newest one that was answered, and the one that protected the task.
        self._asked = self._answered = self._protecting = 0

    def start(self) -> None:
        """Start the thread that asks the agent; without an agent there is none, and the rest does nothing."""
        if self._agent:
            Thread(target=self._follow, args=(self._agent,), daemon=True, name="protection").start()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the task protected for the block; it begins once the agent has answered, or has taken too long."""
        with self._changed:
            self._holders += 1
            if self._holders == 1:
                self._protecting = self._ask()
            self._wait_for(self._protecting)
        try:
            yield
        finally:
            with self._changed:
                self._holders -= 1
                if not self._holders:
                    self._ask()

    @property
    def blocked(self) -> bool:
        """Whether ECS refuses to protect the task, which should then take no more work."""
        with self._changed:
            return self._blocked

    def lift(self, *, lifted: bool) -> None:
        """Leave the task unprotected for as long as `lifted` is true, whatever leases are held."""
        with self._changed:
            if lifted is not self._lifted:
                self._lifted = lifted
                if self._holders:
                    self._ask()

    def renew(self) -> None:
        """Extend the protection, if any lease is held: that of a worker that hangs runs out by itself."""
        with self._changed:
            if self._holders:
                self._ask()

    def settle(self) -> None:
        """Wait until the agent has answered the last request, or has taken too long."""
        with self._changed:
            self._wait_for(self._asked)

    def _ask(self) -> int:
        if self._agent:
            self._asked += 1
            self._changed.notify_all()
        return self._asked

    def _wait_for(self, request: int) -> None:
        self._changed.wait_for(lambda: self._answered >= request, PATIENCE_SECONDS)

    def _follow(self, agent: ProtectionAgent) -> None:
        while True:
            with self._changed:
                asked = self._changed.wait_for(
                    lambda: self._answered < self._asked, PROBE_SECONDS if self._blocked else None
                )
                request, wanted = self._asked, self._holders > 0 and not self._lifted
            probe = 0 if asked else PROBE_MINUTES
            minutes = self._minutes if wanted else probe
            answer = agent.protect(minutes=minutes)
            with self._changed:
                if minutes:
                    self._blocked = answer.verdict is Verdict.BLOCKED
                self._answered = request
                self._changed.notify_all()
            _report(answer, wanted=minutes > 0)


def _report(answer: Answer, *, wanted: bool) -> None:
    if answer.verdict is not Verdict.GRANTED:
        refused = answer.verdict is Verdict.BLOCKED
        log("protection refused" if refused else "protection request failed", wanted=wanted, reason=answer.reason)
