"""Values in the template of the API stack that several test modules read."""

from tests.stacks.synthesis import Template


def attributes(properties: dict[str, object], name: str) -> dict[str, str]:
    """The attributes of a load balancer or target group, by key."""
    pairs = properties[name]
    assert isinstance(pairs, list)
    return {pair["Key"]: pair["Value"] for pair in pairs}


def targets(template: Template) -> list[tuple[str, float]]:
    """Metric and target value of each scaling policy, sorted."""
    policies = template.properties("AWS::ApplicationAutoScaling::ScalingPolicy")
    tracked = [policy["TargetTrackingScalingPolicyConfiguration"] for policy in policies]
    return sorted((t["PredefinedMetricSpecification"]["PredefinedMetricType"], t["TargetValue"]) for t in tracked)
