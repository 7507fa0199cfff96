"""Whether what was deployed works, as far as it can be seen from outside its network."""

from collections.abc import Iterator

from delivery.places import Place

TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
# Those that scaling reads ring all day; these are for people, and for deployments.
WATCHED = ("Api", "Monitoring")


def problems(place: Place, digest: str) -> list[str]:
    """What keeps an environment from running an image well; nothing once it does."""
    return [*_services(place, digest), *_targets(place)]


def ringing(place: Place) -> set[str]:
    """The alarms that ring."""
    names = [name for stack in WATCHED for name in place.resources(stack, "AWS::CloudWatch::Alarm")]
    alarms = place.client("cloudwatch").describe_alarms(AlarmNames=names, StateValue="ALARM") if names else {}
    return {alarm["AlarmName"] for alarm in alarms.get("MetricAlarms", [])}


def _services(place: Place, digest: str) -> Iterator[str]:
    """Every task that should run does, and is of the new version only."""
    for stack in ("Api", "Batch"):
        if (deployed := place.digest(stack)) != digest:
            yield f"{stack} is deployed with {deployed}"
        for arn in place.resources(stack, "AWS::ECS::Service"):
            found = place.client("ecs").describe_services(cluster=arn.split("/")[-2], services=[arn])["services"]
            if not found:
                yield f"{stack} has no service"
            for service in found:
                running, desired = service["runningCount"], service["desiredCount"]
                rolling = [
                    d for d in service.get("deployments", []) if d.get("rolloutState", "COMPLETED") != "COMPLETED"
                ]
                if running != desired or rolling:
                    yield f"{stack} runs {running} of {desired} tasks, {len(rolling)} deployments in progress"


def _targets(place: Place) -> Iterator[str]:
    """The load balancer, which stands in the network, gets an answer of every API task."""
    for group in place.resources("Api", TARGET_GROUP):
        targets = place.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        states = [target["TargetHealth"]["State"] for target in targets]
        if bad := [state for state in states if state not in ("healthy", "draining", "unused")]:
            yield f"{len(bad)} of {len(states)} API tasks are {', '.join(sorted(set(bad)))}"
