from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.environments import Environment
from stacks.recordings.recordings_store import RecordingsStore


class Recordings(Stack):
    """Buckets for recordings and transcripts, and the queue between them."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, "Recordings", termination_protection=environment.production)
        self.store = RecordingsStore(self, "Store", environment=environment)
        CfnOutput(self, "RecordingsBucket", value=self.store.recordings.bucket_name)
        CfnOutput(self, "TranscriptsBucket", value=self.store.transcripts.bucket_name)
        CfnOutput(self, "QueueUrl", value=self.store.queue.queue_url)
        CfnOutput(self, "DeadLetterQueueUrl", value=self.store.dead_letters.queue_url)
        # Operators run the service's `jobs` with the settings of the workers.
        for name, value in (
            ("RecordingPrefixes", environment.settings.recording_prefixes),
            ("RecordingSuffixes", environment.settings.recording_suffixes),
            ("RecordingExcluded", environment.week_settings.recording_excluded),
        ):
            if value:
                CfnOutput(self, name, value=value)
