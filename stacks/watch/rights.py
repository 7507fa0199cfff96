"""The rights of the checks."""

from stacks.environments import Environment
from stacks.shared.acknowledge import acknowledge_wildcards
from stacks.shared.encryption import grant_customer_key
from stacks.shared.published_store import PublishedStore
from stacks.tasks.service_task import ServiceTask

# The folders of the results of a recording; the canary removes those of its golden call.
FOLDERS = ("transcripts", "partial", "unheard", "failed", "running")


def grant_canary(task: ServiceTask, *, store: PublishedStore, environment: Environment) -> None:
    """Write and delete golden calls, read and delete their results, and see how far others are; no caller's words."""
    folder = f"{environment.settings.canary_folder}*"
    golden = store.recordings.arn_for_objects(folder)
    results = {name: store.transcripts.arn_for_objects(f"{name}/{folder}") for name in FOLDERS}
    read = [results["transcripts"], results["failed"]]
    task.may("s3:PutObject", "s3:DeleteObject", on=[golden])
    task.may("s3:GetObject", on=read)
    task.may("s3:DeleteObject", on=[*results.values()])
    # Without it, S3 would answer for a result that is not there yet that it may not be read.
    task.may("s3:ListBucket", on=[store.transcripts.bucket_arn])
    task.may("sqs:GetQueueAttributes", on=[store.queue.queue_arn])
    grant_customer_key(task.task_role, environment=environment)
    acknowledge_wildcards(
        task.task_role, resources=[golden, *results.values()], reason="golden calls and their results, in a folder each"
    )


def grant_reconciliation(task: ServiceTask, *, store: PublishedStore) -> None:
    """List recordings, results and messages, and read none of them."""
    task.may("s3:ListBucketVersions", on=[store.recordings.bucket_arn])
    task.may("s3:ListBucket", on=[store.transcripts.bucket_arn])
    task.may("sqs:GetQueueAttributes", "sqs:GetQueueUrl", on=[store.queue.queue_arn, store.dead_letters.queue_arn])
