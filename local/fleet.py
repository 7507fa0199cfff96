"""An ECS service and its scaling: tasks are started, replaced, and stopped unless they are protected."""

import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from local.arithmetic import Number
from local.scaling import RUNNING, TASKS, Change, Metric, Scaling


class Task(Protocol):
    """A task, as a service handles it."""

    @property
    def running(self) -> bool:
        """Whether it has started, and has not ended."""

    @property
    def protected(self) -> bool:
        """Whether neither scaling in nor a deployment may stop it."""

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""

    def stop(self) -> None:
        """Tell it to stop; it may take a while."""

    def tend(self) -> bool:
        """Whether it is still running."""


T = TypeVar("T", bound=Task)


class Service(Generic[T]):
    """Keeps the wanted number of tasks: starts missing ones, stops surplus and old ones unless they are protected.

    Args:
        start: starts a task.
        wanted: how many tasks are wanted.
        most_percent: of the wanted number, old and new tasks during a deployment. None has to stay.
        notice_seconds: how long a task must be unprotected until the service acts on it.

    Attributes:
        granted: the tasks that the capacity provider has room for; None for any number.
    """

    def __init__(
        self, start: Callable[[], T], *, wanted: int = 0, most_percent: int = 200, notice_seconds: float = 0.0
    ) -> None:
        self.wanted = wanted
        self.granted: int | None = None
        self.tasks: list[T] = []
        self._start = start
        self._most_percent, self._notice = most_percent, notice_seconds
        self._old: list[T] = []
        # When each task was last seen protected.
        self._protected: dict[int, float] = {}

    @property
    def staying(self) -> list[T]:
        """Tasks that were not told to stop."""
        return [task for task in self.tasks if not task.stopping]

    @property
    def deploying(self) -> bool:
        """Whether tasks from before the last deployment are left."""
        return any(task in self.tasks for task in self._old)

    def deploy(self, start: Callable[[], T]) -> None:
        """Replace every task by one of another version; `tend` does it."""
        self._start = start
        self._old = list(self.tasks)

    def blocked(self) -> bool:
        """Whether one more task cannot be protected: as many as are wanted already are."""
        return sum(task.protected for task in self.tasks) >= self.wanted

    def tend(self) -> None:
        """Start and stop tasks to reach the wanted number of the newest version."""
        self.tasks = [task for task in self.tasks if task.tend()]
        old = [task for task in self.staying if task in self._old]
        new = [task for task in self.staying if task not in self._old]
        room = self.wanted * self._most_percent // 100 - len(old) - len(new) if old else self.wanted
        granted = self.wanted if self.granted is None else min(self.wanted, self.granted)
        for _ in range(min(granted - len(new), room)):
            self.tasks.append(self._start())
        # A protected task stays until its work is done, however few are wanted.
        free = [task for task in self.staying if self._free(task)]
        for task in (task for task in free if task in old):
            task.stop()
        free = [task for task in free if task in new]
        for task in free[: max(0, len(new) - self.wanted)]:
            task.stop()

    def _free(self, task: T) -> bool:
        now = time.monotonic()
        if task.protected or id(task) not in self._protected:
            self._protected[id(task)] = now
        return not task.protected and now - self._protected[id(task)] >= self._notice


class Fleet(Generic[T]):
    """A service whose number of tasks follows a template's scaling policies."""

    def __init__(self, service: Service[T], scaling: Scaling) -> None:
        self.service = service
        self._scaling = scaling

    @property
    def most(self) -> int:
        """The largest number of tasks that the scaling asks for."""
        return self._scaling.most

    def counts(self) -> dict[Metric, Number]:
        """The task counts of Container Insights, which is silent about a service of which no task runs."""
        running = sum(task.running for task in self.service.tasks) or None
        return {
            (*RUNNING, self._scaling.service): running,
            (*TASKS, self._scaling.service): self.service.wanted if running else None,
        }

    def minute(self, observed: dict[Metric, Number]) -> Change | None:
        """Apply the policies to the metrics observed in one minute; the change, if any."""
        wanted = self.service.wanted
        change = self._scaling.minute({**self.counts(), **observed}, tasks=wanted, deploying=self.service.deploying)
        if change:
            self.service.wanted = change.tasks
        return change
