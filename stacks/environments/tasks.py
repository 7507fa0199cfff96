"""How large a task is, which processor it runs on, and where it finds the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from stacks.capacity import InvalidEnvironment, typed
from stacks.environments.checks import listed

# Memory that Fargate offers for each CPU size, in MiB.
FARGATE_MEMORY_MIB: dict[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16_384 + 1, 1024),
    4096: range(8192, 30_720 + 1, 1024),
    8192: range(16_384, 61_440 + 1, 4096),
    16_384: range(32_768, 122_880 + 1, 8192),
}


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
