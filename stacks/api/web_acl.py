from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from stacks.environments import WebAcl

COMMON = "AWSManagedRulesCommonRuleSet"
# Behind a load balancer, WAF sees the first 8 KB of a body. Every recording is larger, and bytes of audio can look like
# any pattern. So these rules of the set only count; the service examines bodies itself.
COUNTED = (
    "SizeRestrictions_BODY",
    "CrossSiteScripting_BODY",
    "EC2MetaDataSSRF_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
)
# Headers with the callers' keys.
SECRET_HEADERS = ("authorization", "x-api-key")
WINDOW_SECONDS = 60


class BalancerWebAcl(Construct):
    """Rules of AWS WAF that requests to a load balancer must pass.

    Refused requests are logged, without the callers' keys; the others are in the load balancer's own logs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        load_balancer: elb.IApplicationLoadBalancer,
        rules: WebAcl,
        prefix: str,
        log_retention: logs.RetentionDays,
        log_key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._acl = waf.CfnWebACL(
            self,
            "Rules",
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            rules=[_rate(rules.requests_per_minute), _common()],
            visibility_config=_seen_as("All"),
        )
        waf.CfnWebACLAssociation(
            self, "Association", resource_arn=load_balancer.load_balancer_arn, web_acl_arn=self._acl.attr_arn
        )
        self._log(prefix, log_retention, log_key)

    def _log(self, prefix: str, retention: logs.RetentionDays, key: kms.IKey | None) -> None:
        """Log refused requests only: every upload would otherwise be logged, because its size is counted."""
        group = logs.LogGroup(
            self,
            "Refused",
            # WAF writes to log groups with this prefix only.
            log_group_name=f"aws-waf-logs-{prefix}",
            retention=retention,
            encryption_key=key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        # The library's ARN ends with `:*`, which WAF does not take.
        arn = Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=group.log_group_name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        refused = {
            "Behavior": "KEEP",
            "Requirement": "MEETS_ANY",
            "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}],
        }
        waf.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=self._acl.attr_arn,
            log_destination_configs=[arn],
            logging_filter={"DefaultBehavior": "DROP", "Filters": [refused]},
            redacted_fields=[
                waf.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": name})
                for name in SECRET_HEADERS
            ],
        )


def _rate(requests_per_minute: int) -> waf.CfnWebACL.RuleProperty:
    """Answer 429 to an address that sends more."""
    later = waf.CfnWebACL.CustomHTTPHeaderProperty(name="Retry-After", value=str(WINDOW_SECONDS))
    response = waf.CfnWebACL.CustomResponseProperty(response_code=429, response_headers=[later])
    return waf.CfnWebACL.RuleProperty(
        name="Rate",
        priority=0,
        action=waf.CfnWebACL.RuleActionProperty(block=waf.CfnWebACL.BlockActionProperty(custom_response=response)),
        statement=waf.CfnWebACL.StatementProperty(
            rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
                aggregate_key_type="IP", limit=requests_per_minute, evaluation_window_sec=WINDOW_SECONDS
            )
        ),
        visibility_config=_seen_as("Rate"),
    )


def _common() -> waf.CfnWebACL.RuleProperty:
    """Refuse requests with known attacks in headers, path and query."""
    counts = waf.CfnWebACL.RuleActionProperty(count={})
    return waf.CfnWebACL.RuleProperty(
        name="Common",
        priority=1,
        override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
        statement=waf.CfnWebACL.StatementProperty(
            managed_rule_group_statement=waf.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS",
                name=COMMON,
                rule_action_overrides=[
                    waf.CfnWebACL.RuleActionOverrideProperty(name=name, action_to_use=counts) for name in COUNTED
                ],
            )
        ),
        visibility_config=_seen_as("Common"),
    )


def _seen_as(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    """A metric. Sampled requests would show the callers' keys: WAF redacts them in logs only."""
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
