"""The form of each value that only the account knows, and how a person finds it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The form of a value.

    Attributes:
        pattern: that the whole value matches.
        expected: the form in words, for an error message.
        purpose: the use of the value, and how to find it.
    """

    pattern: str
    expected: str
    purpose: str

    def fits(self, value: str) -> bool:
        """Whether a value has this form."""
        return re.fullmatch(self.pattern, value, re.ASCII) is not None


ARN = r"arn:aws[\w-]*"
NAME = r"[\w+=,.@/-]+"
GUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"

# By the end of a parameter's name, so that a new principal or role needs no entry of its own; the first match counts.
SHAPES: Mapping[str, Shape] = {
    "alarm-address": Shape(
        pattern=r"[^@\s]+@[^@\s]+\.[^@\s]+",
        expected="an e-mail address such as calls@example.com",
        purpose="e-mail address that alarms go to; AWS asks it to confirm",
    ),
    "alarm-endpoint": Shape(
        pattern=r"https://[^\s\"]+",
        expected="an address that begins with https://",
        purpose="HTTPS endpoint that alarms are posted to, such as a pager's; it must confirm subscriptions of SNS",
    ),
    "slack-workspace-id": Shape(
        pattern=r"[0-9A-Z]{1,255}",
        expected="the id of a workspace of Slack such as T0123ABCD",
        purpose="id of the workspace of Slack; Amazon Q Developer in chat applications shows it once the workspace is admitted",
    ),
    "slack-channel-id": Shape(
        pattern=r"[A-Za-z0-9]{9,255}",
        expected="the id of a channel of Slack such as C0123ABCD",
        purpose="id of the channel that alarms are posted to, the end of its link in Slack",
    ),
    "teams-channel-id": Shape(
        pattern=r"19(?:%3A|%3a|:)[\w%.@:-]+",
        expected="the id of a channel of Teams such as 19%3A…%40thread.tacv2",
        purpose="id of the channel that alarms are posted to, the part of its link in Teams that begins with 19%3A",
    ),
    "teams-team-id": Shape(
        pattern=GUID,
        expected="a GUID of 32 hex digits with dashes",
        purpose="id of the team in Teams, groupId in the link of the channel",
    ),
    "teams-tenant-id": Shape(
        pattern=GUID,
        expected="a GUID of 32 hex digits with dashes",
        purpose="id of the tenant of Teams, tenantId in the link of the channel",
    ),
    "certificate-arn": Shape(
        pattern=rf"{ARN}:acm:[a-z0-9-]+:[0-9]{{12}}:certificate/[\w-]+",
        expected="the ARN of a certificate of ACM, arn:aws:acm:REGION:ACCOUNT:certificate/…",
        purpose="ARN of the certificate of the API's name; `aws acm list-certificates` prints it",
    ),
    "hosted-zone-id": Shape(
        pattern=r"Z[A-Z0-9]{1,31}",
        expected="the id of a hosted zone, Z and up to 31 capitals and digits",
        purpose="id of the hosted zone of the API's name; `aws route53 list-hosted-zones` prints it after /hostedzone/",
    ),
    "hosted-zone-name": Shape(
        pattern=r"(?:[A-Za-z0-9_](?:[\w-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*\.?",
        expected="the name of a hosted zone such as example.com",
        purpose="name of that hosted zone",
    ),
    "connection-arn": Shape(
        pattern=rf"{ARN}:(?:codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{{12}}:connection/[0-9a-f-]{{36}}",
        expected="the ARN of a connection, arn:aws:codeconnections:REGION:ACCOUNT:connection/…",
        purpose="ARN of the connection to GitHub or GitLab; `aws codeconnections list-connections` prints it",
    ),
    "source-repository": Shape(
        pattern=r"[\w.-]+(?:/[\w.-]+)*",
        expected="a repository such as owner/name",
        purpose="the repository that the pipeline follows, as owner/name; in CodeCommit its name",
    ),
    "-account": Shape(
        pattern=r"[0-9]{12}",
        expected="an account of twelve digits",
        purpose="twelve digits; `aws sts get-caller-identity --query Account --output text` prints those of your account",
    ),
    "-principal-arn": Shape(
        pattern=rf"{ARN}:iam::[0-9]{{12}}:(?:root|(?:role|user)/{NAME})",
        expected="the ARN of a role or user, arn:aws:iam::ACCOUNT:role/…",
        purpose="ARN of the role or user that may assume this role; `aws iam list-roles` prints roles",
    ),
    "-role-arn": Shape(
        pattern=rf"{ARN}:iam::[0-9]{{12}}:role/{NAME}",
        expected="the ARN of a role, arn:aws:iam::ACCOUNT:role/…",
        purpose="ARN of a role, which another environment's stack `Delivery` has written to its own account",
    ),
}
ANYTHING = Shape(pattern=r"\S(?:.*\S)?", expected="a text without spaces around it", purpose="a text")


def shape(name: str) -> Shape:
    """The form of a parameter, by its name without the environment, such as `alarm-address`."""
    return next((form for end, form in SHAPES.items() if name.endswith(end)), ANYTHING)
