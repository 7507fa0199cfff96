from aws_cdk import aws_ecs as ecs

from stacks.cluster.task_rights import grant_task_protection, task_arns
from stacks.environments import Environment
from stacks.shared.acknowledge import S3_PUT, S3_READ, acknowledge_wildcards
from stacks.shared.encryption import grant_customer_key
from stacks.shared.published_store import PublishedStore
from stacks.tasks.service_task import ServiceTask


def grant_work(task: ServiceTask, *, store: PublishedStore, cluster: ecs.ICluster, environment: Environment) -> None:
    """Let workers consume the queue, read recordings, write results, and protect their own task."""
    store.queue.grant_consume_messages(task.task_role)
    store.recordings.grant_read(task.task_role)
    store.transcripts.grant_read(task.task_role)
    store.transcripts.grant_put(task.task_role)
    grant_customer_key(task.task_role, environment=environment)
    # A worker deletes its marker when it has finished a recording.
    store.transcripts.grant_delete(task.task_role, "running/*")
    # While it processes a recording, a worker protects its task from being scaled in.
    grant_task_protection(cluster, task.task_role)
    acknowledge_wildcards(
        task.task_role,
        actions=[*S3_READ, *S3_PUT, "s3:DeleteObject*"],
        resources=[
            store.recordings.arn_for_objects("*"),
            *(store.transcripts.arn_for_objects(prefix) for prefix in ("*", "running/*")),
        ],
        reason="recordings have arbitrary keys, and transcripts are named after them",
    )
    acknowledge_wildcards(
        task.task_role, resources=[task_arns(cluster)], reason="the id of a task is known only when it runs"
    )
