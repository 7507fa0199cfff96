"""The rights of jobs over HTTP: uploads and results, and no recording of others."""

from stacks.environments import Environment
from stacks.shared.acknowledge import acknowledge_wildcards
from stacks.shared.encryption import grant_customer_key
from stacks.shared.published_store import PublishedStore
from stacks.tasks.service_task import ServiceTask

# Of the documents of jobs, in the transcripts bucket.
DOCUMENTS = "jobs/*"


def grant_jobs(task: ServiceTask, *, store: PublishedStore, environment: Environment) -> None:
    """Write and delete uploads, find any recording's version, read results, and delete those of uploads.

    A link to S3 has the rights of who signed it: this role.
    """
    uploads = f"{environment.settings.job_folder}*"
    recordings = store.recordings.arn_for_objects(uploads)
    every, documents = store.transcripts.arn_for_objects("*"), store.transcripts.arn_for_objects(DOCUMENTS)
    # In a folder for each state.
    results = store.transcripts.arn_for_objects(f"*/{uploads}")
    task.may("s3:PutObject", on=[recordings, documents])
    task.may("s3:DeleteObjectVersion", on=[recordings, documents, results])
    task.may("s3:GetObject", on=[every])
    task.may("s3:ListBucketVersions", on=[store.recordings.bucket_arn, store.transcripts.bucket_arn])
    task.may("s3:ListBucket", on=[store.transcripts.bucket_arn])
    grant_customer_key(task.task_role, environment=environment)
    acknowledge_wildcards(
        task.task_role,
        resources=[recordings, every, documents, results],
        reason="jobs have arbitrary ids, and transcripts are named after recordings, which have arbitrary keys",
    )
