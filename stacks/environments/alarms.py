"""Who hears of alarms besides the account's mail address."""

from dataclasses import dataclass
from enum import StrEnum

from stacks.capacity import InvalidEnvironment, typed
from stacks.environments.regions import WITHOUT_CHAT


class Chat(StrEnum):
    """A chat that Amazon Q Developer (once AWS Chatbot) posts to; a person has admitted it to the account."""

    SLACK = "slack"
    TEAMS = "teams"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmPlan:
    """Further subscribers of alarms; the account names them by SSM parameters.

    Attributes:
        endpoint: an HTTPS endpoint that confirms a subscription of SNS, as pagers do; it also hears of failed pipelines.
        chat: a channel; None for none.
    """

    endpoint: bool = False
    chat: Chat | None = None

    def __post_init__(self) -> None:
        typed(self, "alarms")


def check_chat(environment: str, plan: AlarmPlan, *, region: str) -> None:
    """Refuse a chat where AWS has none."""
    if plan.chat and region in WITHOUT_CHAT:
        expected = f"None in {region}, from where AWS posts to no chat; endpoint=True works there"
        raise InvalidEnvironment(f"{environment}.alarms.chat", plan.chat, expected)
