"""An ECS service and its scaling: tasks are started, replaced, and stopped unless they are protected."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from local.arithmetic import Number
from local.scaling import TASKS, Change, Metric, Scaling


class Task(Protocol):
    """A task, as a service handles it."""

    @property
    def protected(self) -> bool:
        """Whether scaling in must not stop it."""

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""

    def stop(self) -> None:
        """Tell it to stop; it may take a while."""

    def tend(self) -> bool:
        """Whether it is still running."""


T = TypeVar("T", bound=Task)


class Service(Generic[T]):
    """Keeps the wanted number of tasks: starts missing ones, stops surplus ones unless they are protected."""

    def __init__(self, start: Callable[[], T], *, wanted: int = 0) -> None:
        self.wanted = wanted
        self.tasks: list[T] = []
        self._start = start

    @property
    def staying(self) -> list[T]:
        """Tasks that were not told to stop."""
        return [task for task in self.tasks if not task.stopping]

    def tend(self) -> None:
        """Start and stop tasks to reach the wanted number."""
        self.tasks = [task for task in self.tasks if task.tend()]
        for _ in range(self.wanted - len(self.staying)):
            self.tasks.append(self._start())
        # A protected task stays until its work is done, however few are wanted.
        free = [task for task in self.staying if not task.protected]
        for task in free[: max(0, len(self.staying) - self.wanted)]:
            task.stop()


class Fleet(Generic[T]):
    """A service whose number of tasks follows a template's scaling policies."""

    def __init__(self, service: Service[T], scaling: Scaling) -> None:
        self.service = service
        self._scaling = scaling

    def minute(self, observed: dict[Metric, Number]) -> Change | None:
        """Apply the policies to the metrics observed in one minute; the change, if any."""
        wanted = self.service.wanted
        change = self._scaling.minute({TASKS: wanted, **observed}, tasks=wanted)
        if change:
            self.service.wanted = change.tasks
        return change
