from aws_cdk import CfnOutput, Fn
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.cluster.task_rights import task_arns
from stacks.network.task_network import TaskNetwork
from stacks.shared.acknowledge import KEY_PUT, S3_PUT, S3_READ, acknowledge, acknowledge_wildcards
from stacks.shared.firewall import HttpsOutOnly
from stacks.shared.private_bucket import PrivateBucket
from stacks.tasks.service_task import ServiceTask

VERB = "evaluate"
# Prefixes of the golden recordings with their reference transcripts, and of the reports on each image.
GOLDEN, REPORTS = "golden", "reports"
# Old reports and recordings explain why an earlier release was stopped.
OLD_VERSION_DAYS = 180


class ReleaseGate(Construct):
    """A task that measures an image on golden recordings and compares it with the last release.

    It runs only when a release starts it, and costs nothing in between.

    Attributes:
        bucket: golden recordings and reports; kept when its stack is deleted, because people transcribed the recordings.
        connections: security group of the task, for the model store.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: TaskNetwork,
        cluster: ecs.ICluster,
        task: ServiceTask,
        key: kms.IKey | None,
        release_role_arn: str,
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = PrivateBucket(
            self, "Bucket", expire_days=None, old_version_days=OLD_VERSION_DAYS, retain=True, key=key
        )
        acknowledge(self.bucket, rule="S1", reason="only releases and the maintainers of the golden recordings read it")
        firewall = HttpsOutOnly(self, "Firewall", vpc=network.vpc)
        self.connections = ec2.Connections(security_groups=[firewall])
        self._grant(task, cluster, release_role_arn)
        # A release reads these to start the task.
        for name, value in {
            "Manifest": self.bucket.s3_url_for_object(f"{GOLDEN}/manifest.json"),
            "Reports": self.bucket.s3_url_for_object(REPORTS),
            "Cluster": cluster.cluster_arn,
            "Task": task.task_definition_arn,
            "Logs": task.log_group.log_group_name,
            "Subnets": Fn.join(",", network.task_subnet_ids),
            "Firewall": firewall.security_group_id,
            "PublicAddress": "ENABLED" if network.public_tasks else "DISABLED",
        }.items():
            CfnOutput(scope, name, value=value)

    def _grant(self, task: ServiceTask, cluster: ecs.ICluster, release_role_arn: str) -> None:
        """The task reads recordings and writes reports. A release runs the task, reads its log, and copies its report."""
        reports = f"{REPORTS}/*"
        role = iam.Role.from_role_arn(self, "Release", release_role_arn)
        self.bucket.grant_read(task.task_role)
        self.bucket.grant_put(task.task_role, reports)
        self.bucket.grant_read(role)
        self.bucket.grant_put(role, reports)
        task.grant_run(role)
        task.log_group.grant(role, "logs:GetLogEvents")
        tasks = task_arns(cluster)
        role.add_to_principal_policy(
            iam.PolicyStatement(actions=["ecs:DescribeTasks", "ecs:StopTask"], resources=[tasks])
        )
        for grantee in (task.task_role, role):
            acknowledge_wildcards(
                grantee,
                actions=[*S3_READ, *S3_PUT, *(KEY_PUT if self.bucket.encryption_key else ())],
                resources=[self.bucket.arn_for_objects(name) for name in ("*", reports)],
                reason="golden recordings and reports have arbitrary keys",
            )
        acknowledge_wildcards(role, resources=[tasks], reason="the id of a task is known only when it runs")
