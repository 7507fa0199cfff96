"""Whether a deployed version works, as far as AWS's own view tells from outside the network."""

from collections.abc import Iterator

from delivery.deployed import DeployedEnvironment

TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
SERVING = ("Api", "Batch")
# Alarms for people and for deployments; those that drive scaling ring all day.
WATCHED = ("Api", "Monitoring")


def problems(deployed: DeployedEnvironment, digest: str) -> list[str]:
    """What is still wrong with the deployed image; empty once all of it works."""
    if absent := [stack for stack in SERVING if not deployed.exists(stack)]:
        return [f"{stack} is not there" for stack in absent]
    return [*_services(deployed, digest), *_targets(deployed)]


def ringing(deployed: DeployedEnvironment) -> set[str]:
    """Names of the alarms in state ALARM. A stack that is not there yet has none."""
    present = [stack for stack in WATCHED if deployed.exists(stack)]
    names = [name for stack in present for name in deployed.resources(stack, "AWS::CloudWatch::Alarm")]
    alarms = deployed.client("cloudwatch").describe_alarms(AlarmNames=names, StateValue="ALARM") if names else {}
    return {alarm["AlarmName"] for alarm in alarms.get("MetricAlarms", [])}


def _services(deployed: DeployedEnvironment, digest: str) -> Iterator[str]:
    """Complaints unless every desired task runs, and only the new version."""
    for stack in SERVING:
        if (current := deployed.digest(stack)) != digest:
            yield f"{stack} is deployed with {current}"
        for arn in deployed.resources(stack, "AWS::ECS::Service"):
            found = deployed.client("ecs").describe_services(cluster=arn.split("/")[-2], services=[arn])["services"]
            if not found:
                yield f"{stack} has no service"
            for service in found:
                running, desired = service["runningCount"], service["desiredCount"]
                rolling = [
                    d for d in service.get("deployments", []) if d.get("rolloutState", "COMPLETED") != "COMPLETED"
                ]
                if running != desired or rolling:
                    yield f"{stack} runs {running} of {desired} tasks, {len(rolling)} deployments in progress"


def _targets(deployed: DeployedEnvironment) -> Iterator[str]:
    """Complaints unless the load balancer finds every API task healthy."""
    for group in deployed.resources("Api", TARGET_GROUP):
        targets = deployed.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        states = [target["TargetHealth"]["State"] for target in targets]
        if bad := [state for state in states if state not in ("healthy", "draining", "unused")]:
            yield f"{len(bad)} of {len(states)} API tasks are {', '.join(sorted(set(bad)))}"
