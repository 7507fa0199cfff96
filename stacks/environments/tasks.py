"""How large a task is, which processor it runs on, and where it finds the model."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from service.settings import Settings
from stacks.capacity import FARGATE_MEMORY_MIB, Choice, InvalidEnvironment, Prices, Speed, Task, choose, typed
from stacks.environments.checks import listed


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSize:
    """CPU units (1024 = one vCPU) and memory of a task, in a combination that Fargate offers."""

    cpu: int
    memory_mib: int

    def __post_init__(self) -> None:
        typed(self, "size")
        if self.cpu not in FARGATE_MEMORY_MIB:
            raise InvalidEnvironment("size.cpu", self.cpu, f"one of {listed(FARGATE_MEMORY_MIB)}")
        offered = FARGATE_MEMORY_MIB[self.cpu]
        if self.memory_mib not in offered:
            expected = f"one of {listed(offered)} MiB, which Fargate offers with {self.cpu} CPU units"
            raise InvalidEnvironment("size.memory_mib", self.memory_mib, expected)


class Processor(StrEnum):
    """The processor that tasks run on; the image is built for it."""

    X86_64 = "X86_64"
    ARM64 = "ARM64"  # Graviton: a fifth cheaper


class Weights(StrEnum):
    """Where tasks find the model; docs/models.md compares the choices."""

    IMAGE = "image"  # in the service's image, under the name or folder that the settings give
    S3 = "s3"  # in a bucket of the environment, copied by each task as it starts
    EFS = "efs"  # on a file system of the environment, read in place


@cache
def chosen(settings: Settings, *, processor: Processor, public: bool, region: str, speed: Speed | None) -> Choice:
    """The cheapest size of a task for an hour of recording; `stacks.capacity.size` says how it is found."""
    task = Task(cpu=0, memory_mib=0, processor=processor, public=public)
    return choose(settings, task=task, prices=Prices.read(region), speed=speed)
