"""Old recordings that are transcribed beside the new ones."""

from dataclasses import dataclass, replace
from math import ceil

from service.key_filter import are_prefixes
from service.settings import Settings
from stacks.capacity import Backfill, InvalidEnvironment, Plan, Workload, above_zero, plan_backfill, typed, whole

# A message waits no longer: SQS keeps none for more than 14 days, and a dead letter keeps its age.
WAITING_DAYS = 12
# The name of its fleet in metrics.
FLEET = "backfill"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillPlan:
    """Old recordings, and the time in which they are transcribed on the rest of the quota.

    Attributes:
        audio_hours: of all of them.
        days: from the first upload to the last transcript.
        prefix: how the keys of old recordings begin; those of new ones must not.
    """

    audio_hours: float
    days: int
    prefix: str = "backfill/"

    def __post_init__(self) -> None:
        typed(self, "backfill")
        above_zero("backfill.audio_hours", self.audio_hours)
        whole("backfill.days", self.days, least=1)
        if not are_prefixes((self.prefix,)) or "," in self.prefix:
            raise InvalidEnvironment("backfill.prefix", self.prefix, 'printable ASCII without comma, * \\ and "')

    @property
    def portions(self) -> int:
        """Parts in which it is uploaded, one every `WAITING_DAYS` days: a message that waits longer would be lost."""
        return ceil(self.days / WAITING_DAYS)

    def fleet(self, workload: Workload, *, week: Plan, spot_vcpus: float, lanes: int) -> Backfill:
        """The fleet for it, beside that of the week's recordings, whose average length stands for the old ones'.

        Raises:
            UnreachableDeadline: the week's fleet leaves too little of the Spot quota.
        """
        return plan_backfill(
            audio_hours=self.audio_hours,
            days=self.days,
            minutes_per_call=workload.talk_minutes_per_call,
            speed=week.speed,
            spot_vcpus=spot_vcpus,
            week=week,
            lanes=lanes,
        )


def without_backfill(settings: Settings, plan: BackfillPlan | None) -> Settings:
    """The settings of the week's workers. Prefixes, if there are any, exclude a backfill by themselves."""
    if plan is None or settings.recording_prefixes:
        return settings
    return replace(settings, recording_excluded=plan.prefix)


def backfill_settings(settings: Settings, plan: BackfillPlan) -> Settings:
    """The settings of the backfill's workers: its keys alone, and metrics apart from those of the week's workers."""
    return replace(settings, recording_prefixes=plan.prefix, recording_excluded="", fleet=FLEET)


def check_backfill(environment: str, plan: BackfillPlan | None, settings: Settings, *, recording_days: int) -> None:
    """Refuse a prefix that EventBridge cannot keep apart from new recordings, and recordings that expire while they wait."""
    if plan is None:
        return
    own, found = f"{environment}.settings.recording_prefixes", settings.key_filter
    if found.suffixes and not found.prefixes:
        # EventBridge has no "and" for two conditions on one field.
        expected = f"prefixes beside recording_suffixes, so that EventBridge can tell {plan.prefix} apart"
        raise InvalidEnvironment(own, settings.recording_prefixes, expected)
    if found.prefixes and found.reaches(plan.prefix):
        raise InvalidEnvironment(
            f"{environment}.backfill.prefix", plan.prefix, "one that none of recording_prefixes begins"
        )
    for folder in (settings.canary_folder, settings.job_folder):
        if folder.startswith(plan.prefix) or plan.prefix.startswith(folder):
            raise InvalidEnvironment(f"{environment}.backfill.prefix", plan.prefix, f"one apart from {folder}")
    if recording_days <= (waits := min(plan.days, WAITING_DAYS)):
        expected = f"more than {waits}, for which a recording of the backfill may wait"
        raise InvalidEnvironment(f"{environment}.recording_days", recording_days, expected)
