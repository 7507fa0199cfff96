"""The steps of the budget brake, as a definition of AWS Step Functions: the calls of AWS's SDK, and no code."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Aws

from service.contract import METRIC_DIMENSIONS, METRIC_NAMESPACE

# Values of the SSM parameter. A brake that was lifted stays so for the month that follows the word.
OFF, SLOWED, STOPPED, LIFTED = "off", "slowed", "stopped", "lifted"
# The metric of the brake: 0 is off, 1 slowed, 2 stopped; in the service's namespace, under a service of its own.
LEVEL_METRIC, BRAKE_SERVICE = "Brake", "brake"
# AWS limits calls of these kinds, and answers late now and then.
RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 4, "BackoffRate": 2}]


def steps(
    *,
    parameter: str,
    budget: str,
    slow_dollars: float,
    stop_dollars: float,
    fleets: Sequence[Mapping[str, object]],
    environment: str,
) -> dict[str, Any]:
    """Read state and budget, decide, limit the fleets, remember, tell.

    The input is `{"lift": true}` to lift the brake for the rest of the month, and `{"lift": false}` otherwise.

    Args:
        parameter: name of the SSM parameter with the state.
        budget: its name.
        slow_dollars: from which on the fleets are slowed.
        stop_dollars: from which on they are stopped.
        fleets: `resource`, `full` and `slowed` of each.
        environment: a dimension of the metric.
    """
    # The month's lift, or the state that the cost asks for.
    wanted = (
        f"$lift or $state = '{LIFTED} ' & $month ? '{LIFTED} ' & $month"
        f" : $spent >= {stop_dollars} ? '{STOPPED}' : $spent >= {slow_dollars} ? '{SLOWED}' : '{OFF}'"
    )
    # A brake that is on limits the fleets at each run: a deployment may have raised the limit meanwhile.
    nothing_to_do = f"$wanted = $state and $not($wanted in ['{SLOWED}', '{STOPPED}']) and $not($lift)"
    return {
        "Comment": "Limits the batch fleets of a month that costs too much",
        "QueryLanguage": "JSONata",
        "StartAt": "ReadState",
        "TimeoutSeconds": 300,
        "States": {
            "ReadState": _call(
                "ssm:getParameter",
                {"Name": parameter},
                Assign={
                    "state": "{% $states.result.Parameter.Value %}",
                    "month": "{% $substring($states.context.Execution.StartTime, 0, 7) %}",
                    "lift": "{% $states.context.Execution.Input.lift = true %}",
                },
                Next="ReadBudget",
            ),
            "ReadBudget": _call(
                "budgets:describeBudget",
                {"AccountId": Aws.ACCOUNT_ID, "BudgetName": budget},
                Assign={"spent": "{% $number($states.result.Budget.CalculatedSpend.ActualSpend.Amount) %}"},
                Next="Decide",
            ),
            "Decide": {"Type": "Pass", "Assign": {"wanted": f"{{% {wanted} %}}"}, "Next": "Anything"},
            "Anything": {
                "Type": "Choice",
                "Choices": [{"Condition": f"{{% {nothing_to_do} %}}", "Next": "Tell"}],
                "Default": "Limit",
            },
            "Limit": {
                "Type": "Map",
                "Items": list(fleets),
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": "LimitFleet",
                    "States": {
                        "LimitFleet": _call(
                            "applicationautoscaling:registerScalableTarget",
                            {
                                "ServiceNamespace": "ecs",
                                "ScalableDimension": "ecs:service:DesiredCount",
                                "ResourceId": "{% $states.input.resource %}",
                                "MaxCapacity": (
                                    f"{{% $wanted = '{STOPPED}' ? 0"
                                    f" : $wanted = '{SLOWED}' ? $states.input.slowed : $states.input.full %}}"
                                ),
                            },
                            End=True,
                        )
                    },
                },
                "Next": "Remember",
            },
            "Remember": _call(
                "ssm:putParameter",
                {"Name": parameter, "Value": "{% $wanted %}", "Type": "String", "Overwrite": True},
                Next="Tell",
            ),
            "Tell": _call(
                "cloudwatch:putMetricData",
                {
                    "Namespace": METRIC_NAMESPACE,
                    "MetricData": [
                        {
                            "MetricName": LEVEL_METRIC,
                            "Dimensions": [
                                {"Name": name, "Value": value}
                                for name, value in zip(METRIC_DIMENSIONS, (environment, BRAKE_SERVICE), strict=True)
                            ],
                            "Value": f"{{% $wanted = '{STOPPED}' ? 2 : $wanted = '{SLOWED}' ? 1 : 0 %}}",
                        }
                    ],
                },
                Output={"state": "{% $wanted %}", "spent": "{% $spent %}"},
                End=True,
            ),
        },
    }


def _call(action: str, arguments: Mapping[str, object], **more: object) -> dict[str, Any]:
    """A step that calls an operation of AWS's SDK."""
    resource = f"arn:{Aws.PARTITION}:states:::aws-sdk:{action}"
    return {"Type": "Task", "Resource": resource, "Arguments": arguments, "Retry": RETRY, **more}
