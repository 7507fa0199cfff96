from typing import Protocol

from aws_cdk import aws_ec2 as ec2

from service.settings import Settings
from stacks.tasks.service_task import ServiceTask


class ModelStore(Protocol):
    """How tasks get the model; `InImage`, `ModelBucket` and `ModelFileSystem` are the choices of `Weights`."""

    def locate(self, settings: Settings) -> Settings:
        """The settings of a task with the model's address: a folder or an S3 URL."""
        ...

    def serve(self, task: ServiceTask, *, service: ec2.IConnectable) -> None:
        """Let the tasks of a service read the model, and nothing else in the store."""
        ...


class InImage:
    """The image contains the model: there is nothing to locate and nothing to grant."""

    def locate(self, settings: Settings) -> Settings:
        """The settings, unchanged."""
        return settings

    def serve(self, task: ServiceTask, *, service: ec2.IConnectable) -> None:
        """Grant nothing."""
