"""An ECS service and what scales it: tasks that are started, replaced, and stopped where nothing protects them."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from local.arithmetic import Number
from local.scaling import TASKS, Change, Metric, Scaling


class Task(Protocol):
    """What a service needs to know of a task."""

    @property
    def protected(self) -> bool:
        """Whether scaling in must spare it."""

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""

    def stop(self) -> None:
        """Tell it to stop."""

    def tend(self) -> bool:
        """Whether it runs still."""


T = TypeVar("T", bound=Task)


class Service(Generic[T]):
    """As many tasks as are wanted: missing ones are started, surplus ones stopped unless they are protected."""

    def __init__(self, start: Callable[[], T], *, wanted: int = 0) -> None:
        self.wanted = wanted
        self.tasks: list[T] = []
        self._start = start

    @property
    def staying(self) -> list[T]:
        """Tasks that were not told to stop."""
        return [task for task in self.tasks if not task.stopping]

    def tend(self) -> None:
        """Bring the tasks closer to what is wanted."""
        self.tasks = [task for task in self.tasks if task.tend()]
        for _ in range(self.wanted - len(self.staying)):
            self.tasks.append(self._start())
        # A protected one stays until it has done its work, however few are wanted.
        free = [task for task in self.staying if not task.protected]
        for task in free[: max(0, len(self.staying) - self.wanted)]:
            task.stop()


class Fleet(Generic[T]):
    """A service that a template's scaling policies grow and shrink."""

    def __init__(self, service: Service[T], scaling: Scaling) -> None:
        self.service = service
        self._scaling = scaling

    def minute(self, observed: dict[Metric, Number]) -> Change | None:
        """Let a minute pass in which the queue's metrics were observed; the change that came of it, if any."""
        wanted = self.service.wanted
        change = self._scaling.minute({TASKS: wanted, **observed}, tasks=wanted)
        if change:
            self.service.wanted = change.tasks
        return change
