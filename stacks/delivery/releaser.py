from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.delivery.rights import allow
from stacks.environments import releaser_role


class Releaser(iam.Role):
    """A role for people who watch over releases: read their logs, approve, retry and stop them, and roll back.

    Args:
        principal_arn: who may take it.
        by: name of the environment that releases come from.
        projects: ARNs of those that the pipeline runs.
        release_roles: ARNs of those of the environments that releases reach; they roll back.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        principal_arn: str,
        by: str,
        pipeline: codepipeline.Pipeline,
        log_group: logs.ILogGroup,
        projects: Sequence[str],
        release_roles: Sequence[str],
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            role_name=releaser_role(by),
            assumed_by=iam.ArnPrincipal(principal_arn),
            description="Approves, retries and rolls back releases",
            max_session_duration=Duration.hours(1),
        )
        whole, arn = "every stage and action of this pipeline", pipeline.pipeline_arn
        looking = (
            "GetPipeline",
            "GetPipelineState",
            "GetPipelineExecution",
            "ListPipelineExecutions",
            "ListActionExecutions",
        )
        answering = ("RetryStageExecution", "StopPipelineExecution")
        allow(self, *(f"codepipeline:{verb}" for verb in (*looking, *answering)), on=[arn, f"{arn}/*"], because=whole)
        approval = f"{arn}/{by.title()}/Approve"
        allow(self, "codepipeline:PutApprovalResult", on=[approval])
        # The links of actions lead to their builds and these to their logs.
        allow(self, "codebuild:BatchGetBuilds", on=projects)
        allow(
            self, "logs:GetLogEvents", "logs:FilterLogEvents", "logs:DescribeLogStreams", on=[log_group.log_group_arn]
        )
        allow(self, "sts:AssumeRole", on=release_roles)
