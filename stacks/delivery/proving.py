"""The permissions with which a deployment proves itself: it runs the checks of the stack Watch."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from stacks.environments import Environment
from stacks.shared.acknowledge import acknowledge_wildcards


def allow_proving(role: iam.IRole, *, environment: Environment) -> None:
    """Start the checks' tasks, wait for them or stop them, and read their logs."""
    watch, stack = environment.stack_name("Watch-*"), Stack.of(role)
    # The CDK names a family of task definitions after the path of its construct.
    definitions = stack.format_arn(
        service="ecs", resource="task-definition", resource_name=f"{environment.name}Watch*:*"
    )
    roles = stack.format_arn(service="iam", region="", resource="role", resource_name=watch)
    cluster = environment.cluster or f"{environment.stack_name('Cluster')}-*"
    tasks = stack.format_arn(service="ecs", resource="task", resource_name=f"{cluster}/*")
    logs = stack.format_arn(service="logs", resource=f"log-group:{watch}")
    passing = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    for statement in (
        iam.PolicyStatement(actions=["ecs:RunTask"], resources=[definitions]),
        iam.PolicyStatement(actions=["iam:PassRole"], resources=[roles], conditions=passing),
        iam.PolicyStatement(actions=["ecs:DescribeTasks", "ecs:StopTask"], resources=[tasks]),
        iam.PolicyStatement(actions=["logs:GetLogEvents"], resources=[logs]),
    ):
        role.add_to_principal_policy(statement)
    acknowledge_wildcards(
        role,
        resources=[definitions, roles, tasks, logs],
        reason="AWS chooses names and ids; they begin with the environment's",
    )
