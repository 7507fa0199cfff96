from collections.abc import Mapping

from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_sns as sns
from constructs import Construct

# The estimate leaves out storage, logs and data, and its prices are one region's: the limit is not the alarm.
ALARM_PERCENT = 125


class Spending(Construct):
    """A monthly budget over what carries some tags; tells a topic when the month is, or will be, well above it.

    Args:
        dollars: what the month is expected to cost.
        tags: of what counts; cost-allocation tags that the account has activated.
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
                        # A forecast needs five weeks of history; until then, what was spent has to do.
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
        # Else the budget may be there before the topic lets it in.
        self.budget.node.add_dependency(topic.node.find_child("Policy"))
