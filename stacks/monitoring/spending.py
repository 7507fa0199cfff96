from collections.abc import Mapping

from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_sns as sns
from constructs import Construct

# The estimate omits data transfer and Container Insights, and may be in another region's prices; the alarm leaves room for both.
ALARM_PERCENT = 125


class Spending(Construct):
    """A monthly budget for resources with some tags. Notifies a topic when actual or forecast cost is well above it.

    Args:
        dollars: expected cost of a month.
        tags: cost-allocation tags of the resources that count; the account must have activated them.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, dollars: float, tags: Mapping[str, str], topic: sns.Topic
    ) -> None:
        super().__init__(scope, construct_id)
        budget = budgets.CfnBudget
        self.budget = budget(
            self,
            "Budget",
            budget=budget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budget.SpendProperty(amount=round(dollars), unit="USD"),
                metrics=["UnblendedCost"],
                filter_expression=budget.ExpressionProperty(
                    and_=[
                        budget.ExpressionProperty(tags=budget.TagValuesProperty(key=key, values=[value]))
                        for key, value in tags.items()
                    ]
                ),
            ),
            notifications_with_subscribers=[
                budget.NotificationWithSubscribersProperty(
                    notification=budget.NotificationProperty(
                        # A forecast needs five weeks of history; until then only the actual cost can notify.
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=ALARM_PERCENT,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[budget.SubscriberProperty(subscription_type="SNS", address=topic.topic_arn)],
                )
                for kind in ("FORECASTED", "ACTUAL")
            ],
        )
        # Otherwise the budget may be created before it is allowed to publish to the topic.
        self.budget.node.add_dependency(topic.node.find_child("Policy"))
