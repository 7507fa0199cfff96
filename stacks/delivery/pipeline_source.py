import json
from collections.abc import Sequence

from aws_cdk import Fn
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.environments import Source
from stacks.shared.handover import ParameterPath, published

ACTION = "Source"


class PipelineSource(Construct):
    """The source of a pipeline, and its triggers: pushes to a branch, or tags.

    The account stores the names of connection and repository in SSM parameters.

    Attributes:
        output: the source artifact for later actions.
        action: the source action.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        kind: Source,
        branch: str,
        clone: bool,
        parameter_path: ParameterPath,
    ) -> None:
        """With `clone`, actions get the repository with history and tags instead of the files of one commit."""
        super().__init__(scope, construct_id)
        self.output = codepipeline.Artifact("Source")
        self._branch, self._clone = branch, clone
        self._name = published(self, path=parameter_path("source-repository"))
        self._connection = ""
        self._repository: codecommit.IRepository | None = None
        self.action: codepipeline.IAction
        if kind is Source.CODECOMMIT:
            self._repository = codecommit.Repository.from_repository_name(self, "Repository", self._name)
            self.action = actions.CodeCommitSourceAction(
                action_name=ACTION,
                repository=self._repository,
                branch=branch,
                output=self.output,
                code_build_clone_output=clone,
                # `_start` adds the trigger, for branches and tags alike.
                trigger=actions.CodeCommitTrigger.NONE,
            )
        else:
            self._connection = published(self, path=parameter_path("source-connection-arn"))
            self.action = actions.CodeStarConnectionsSourceAction(
                action_name=ACTION,
                connection_arn=self._connection,
                owner=Fn.select(0, Fn.split("/", self._name)),
                repo=Fn.select(1, Fn.split("/", self._name)),
                branch=branch,
                output=self.output,
                code_build_clone_output=clone,
            )

    def start_on_commits(self, pipeline: codepipeline.Pipeline) -> None:
        """Run for each push to the branch."""
        if self._repository:
            self._start(pipeline, reference="branch", names=[self._branch])
        else:
            self._trigger(pipeline, codepipeline.GitPushFilter(branches_includes=[self._branch]))

    def start_on_tags(self, pipeline: codepipeline.Pipeline, *, tags: Sequence[str]) -> None:
        """Run for the commit of each new tag that matches one of the patterns."""
        if self._repository:
            self._start(pipeline, reference="tag", names=[{"wildcard": tag} for tag in tags])
        else:
            self._trigger(pipeline, codepipeline.GitPushFilter(tags_includes=list(tags)))

    def admit(self, pipeline: codepipeline.Pipeline, *, cloning: Sequence[codebuild.Project]) -> None:
        """Allow the pipeline, and the projects that clone, to use the connection."""
        if self._repository:
            return
        # New connections have ARNs with the service's new name, but the library grants the old permission only.
        use = iam.PolicyStatement(actions=["codeconnections:UseConnection"], resources=[self._connection])
        pipeline.add_to_role_policy(use)
        for project in cloning:
            project.add_to_role_policy(use)
        # Groups of GitLab nest: the path of a repository may have more parts than owner and name.
        cfn = pipeline.node.default_child
        assert isinstance(cfn, codepipeline.CfnPipeline)  # noqa: S101 -- tells the type checker what the L2 makes
        cfn.add_property_override("Stages.0.Actions.0.Configuration.FullRepositoryId", self._name)

    def _trigger(self, pipeline: codepipeline.Pipeline, pushes: codepipeline.GitPushFilter) -> None:
        pipeline.add_trigger(
            provider_type=codepipeline.ProviderType.CODE_STAR_SOURCE_CONNECTION,
            git_configuration=codepipeline.GitConfiguration(source_action=self.action, push_filter=[pushes]),
        )

    def _start(self, pipeline: codepipeline.Pipeline, *, reference: str, names: Sequence[object]) -> None:
        """Start the pipeline from CodeCommit's events, with exactly the commit that an event names."""
        assert self._repository  # noqa: S101 -- only then
        starter = iam.Role(self, "Starter", assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
        starter.add_to_policy(
            iam.PolicyStatement(actions=["codepipeline:StartPipelineExecution"], resources=[pipeline.pipeline_arn])
        )
        revision = {"actionName": ACTION, "revisionType": "COMMIT_ID", "revisionValue": "<commit>"}
        events.CfnRule(
            self,
            "Pushes",
            event_pattern={
                "source": ["aws.codecommit"],
                "detail-type": ["CodeCommit Repository State Change"],
                "resources": [self._repository.repository_arn],
                "detail": {
                    "event": ["referenceCreated", "referenceUpdated"],
                    "referenceType": [reference],
                    "referenceName": list(names),
                },
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="Pipeline",
                    arn=pipeline.pipeline_arn,
                    role_arn=starter.role_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map={"commit": "$.detail.commitId"},
                        input_template=json.dumps({"sourceRevisions": [revision]}),
                    ),
                )
            ],
        )
