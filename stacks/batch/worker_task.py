from constructs import Construct

from service.settings import Settings
from stacks.environments import Environment
from stacks.models.model_store import ModelStore
from stacks.shared.images import Images
from stacks.shared.published_store import PublishedStore
from stacks.tasks.image_digest import ImageDigest
from stacks.tasks.service_task import ServiceTask


def settings_of(environment: Environment, store: PublishedStore) -> Settings:
    """The settings of the workers of a store's queue."""
    return environment.worker_settings(
        queue_url=store.queue.queue_url,
        recordings_bucket=store.recordings.bucket_name,
        transcripts_bucket=store.transcripts.bucket_name,
    )


def worker_task(
    scope: Construct, construct_id: str, *, settings: Settings, environment: Environment, models: ModelStore
) -> ServiceTask:
    """The task definition of workers with these settings; it belongs into a stack with one image and one fleet."""
    return ServiceTask(
        scope,
        construct_id,
        verb="worker",
        settings=models.locate(settings),
        environment=environment,
        images=Images(scope, "Images", parameter_path=environment.parameter),
        digest=ImageDigest(scope),
    )
