"""The cost of an environment's batch work elsewhere: other AWS services, GPUs, and commercial APIs.

Measured speeds count where there are some; the others are derived from published figures, and marked. docs/comparison.md
explains the rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from stacks.capacity.disk import TELEPHONE_BYTES_PER_SECOND
from stacks.capacity.prices import HOURS_PER_MONTH, Prices, Task
from stacks.capacity.quotes import CHANNEL_HOUR, Quote
from stacks.capacity.speech import heard
from stacks.capacity.speed import Speed

# faster-whisper's README: large-v2 in int8, beam 5, batches of 8, 13 minutes in 16 s on an RTX 3070 Ti.
LARGE_ON_RTX_3070_TI = 13 * 60 / 16
# Decoding streams weights: a T4 reads 320 GB/s, an RTX 3070 Ti 608.
T4_SHARE = 320 / 608
# Speeds relative to the large model, from the table in the README of openai/whisper (English, A100).
RELATIVE = {"tiny": 10, "base": 7, "small": 4, "medium": 2, "large": 1, "turbo": 8}
# Disk of an instance: system, image and recordings.
DISK_GB = 30
# Lambda's limits, and the memory that comes with each vCPU.
LAMBDA_SECONDS, LAMBDA_MB, LAMBDA_MB_PER_VCPU = 900, 10_240, 1769
# How a speed is marked.
MEASURED, ASSUMED = "measured", "assumed"
# The processor of EC2's c7i instances; Fargate does not let a task choose.
C7I_HOST = "AMX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The batch work that is priced.

    Attributes:
        audio_hours: a month.
        calls: a month.
        longest_seconds: the longest recording that is accepted.
        model: its name.
        speed: of one of the environment's tasks.
        task: its size, as it is billed.
        network: dollars a month for the way from private subnets to AWS.
        channels: of a recording.
        speech_share: of the workload.
    """

    audio_hours: float
    calls: float
    longest_seconds: int
    model: str
    speed: Speed
    task: Task
    network: float
    channels: int = 2
    speech_share: float | None = None

    @property
    def call_seconds(self) -> float:
        """The length of an average recording."""
        return self.audio_hours * 3600 / self.calls

    def times(self, factor: float) -> "Work":
        """As much work `factor` times."""
        return replace(self, audio_hours=self.audio_hours * factor, calls=self.calls * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One place, as it is priced for the work.

    Attributes:
        place: its name.
        per_audio_hour: dollars.
        fixed: dollars a month, without a single recording.
        dated: month in which the oldest of its prices was read.
        speed: audio seconds per second of the billed machine, measured or assumed; empty if audio is billed.
        against: its drawbacks.
        impossible: why it cannot do the work, with the numbers; empty if it can.
    """

    place: str
    per_audio_hour: float
    fixed: float = 0.0
    dated: str
    speed: str = ""
    against: str = ""
    impossible: str = ""

    def month(self, audio_hours: float) -> float:
        """Dollars a month for so many hours of recording."""
        return self.fixed + audio_hours * self.per_audio_hour


def offers(work: Work, prices: Prices, quotes: Mapping[str, Quote]) -> tuple[Offer, ...]:
    """Every place, in the order of kinds: the project's own first, APIs last."""
    return (
        *_fargate(work, prices),
        *_instances(work, quotes),
        *_lambda(work, quotes),
        *_sagemaker(work, quotes),
        *_apis(work, quotes),
    )


def gpu_speed(model: str) -> float:
    """Audio seconds per second of a model on a T4, by published figures; an unknown model counts as large.

    >>> round(gpu_speed("base")), round(gpu_speed("small")), round(gpu_speed("large-v3"))
    (180, 103, 26)
    """
    family = next((name for name in ("turbo", *RELATIVE) if name in model), "large")
    return LARGE_ON_RTX_3070_TI * T4_SHARE * RELATIVE[family]


def _fargate(work: Work, prices: Prices) -> Iterator[Offer]:
    for processor, name in (("X86_64", "x86"), ("ARM64", "ARM")):
        task = replace(work.task, processor=processor)
        speed = _own_speed(work, processor)
        for share, kind in ((0, "Spot"), (1, "on demand")):
            yield Offer(
                place=f"Fargate {kind}, {name}",
                per_audio_hour=task.per_audio_hour(prices, speed=speed, on_demand_share=share),
                fixed=work.network,
                dated=prices.dated,
                speed=_told(speed.audio_seconds_per_second, measured=speed.measured),
                against="no choice of the processor" + ("; AWS may take it back" if not share else ""),
            )


def _instances(work: Work, quotes: Mapping[str, Quote]) -> Iterator[Offer]:
    speed = _own_speed(work, "X86_64", cpu=2048)
    amx = next((host for host in speed.hosts if host.kind == C7I_HOST), None)
    cpu = amx.audio_seconds_per_second if amx else speed.audio_seconds_per_second
    gpu = gpu_speed(work.model)
    own = "instances, images and agents to patch; the cluster's instances to scale"
    quota = "new accounts have no quota for GPUs, a GPU build of the engine does not exist here"
    disk, discount = quotes["ebs-gp3"], quotes["ec2-spot-discount"]
    per_disk = DISK_GB * disk.dollars / HOURS_PER_MONTH
    for name, quote, faster, measured, against in (
        ("c7i.large", quotes["ec2-c7i-large"], cpu, amx is not None and speed.measured, own),
        ("g4dn.xlarge (T4)", quotes["ec2-g4dn-xlarge"], gpu, False, f"{own}; {quota}; minutes of start for each"),
    ):
        for kind, share in (("Spot", 1 - discount.dollars), ("on demand", 1.0)):
            used = (quote, disk, discount) if kind == "Spot" else (quote, disk)
            yield Offer(
                place=f"EC2 {kind}, {name}",
                per_audio_hour=(quote.dollars * share + per_disk) / (faster * work.speed.busy_share),
                fixed=work.network,
                dated=_oldest(*used),
                speed=_told(faster, measured=measured),
                against=against,
            )
    cluster, node = quotes["eks-cluster"], quotes["ec2-c7i-large"]
    yield Offer(
        place="EKS on EC2 Spot, c7i.large",
        per_audio_hour=(node.dollars * (1 - discount.dollars) + per_disk) / (cpu * work.speed.busy_share),
        fixed=work.network + cluster.dollars * HOURS_PER_MONTH,
        dated=_oldest(cluster, node, disk, discount),
        speed=_told(cpu, measured=amx is not None and speed.measured),
        against="a control plane to pay and to upgrade, beside the instances",
    )


def _lambda(work: Work, quotes: Mapping[str, Quote]) -> Iterator[Offer]:
    memory = work.task.memory_mib
    for quote, processor, name in (
        (quotes["lambda-x86"], "X86_64", "x86"),
        (quotes["lambda-arm"], "ARM64", "ARM"),
    ):
        speed = _own_speed(work, processor, cpu=round(memory / LAMBDA_MB_PER_VCPU * 1024))
        usual = speed.audio_seconds_per_second
        call, longest = work.call_seconds / usual, work.longest_seconds / speed.limiting.audio_seconds_per_second
        fits = f"a call takes {call:.0f} s, the longest {longest:.0f} s of {LAMBDA_SECONDS} s"
        impossible = []
        if longest > LAMBDA_SECONDS:
            impossible.append(f"{fits} allowed")
        if memory > LAMBDA_MB:
            impossible.append(f"{memory} MiB of memory, of {LAMBDA_MB} allowed")
        request = quotes["lambda-request"]
        yield Offer(
            place=f"Lambda, {name}",
            per_audio_hour=memory / 1024 * 3600 / usual * quote.dollars
            + request.dollars * 3600 / max(1.0, work.call_seconds),
            dated=_oldest(quote, request),
            # Measured or not, nothing is known of Lambda's hosts.
            speed=_told(usual, measured=False),
            against=f"{fits}; one call fills no batch; each new environment loads the model",
            impossible="; ".join(impossible),
        )


def _sagemaker(work: Work, quotes: Mapping[str, Quote]) -> Iterator[Offer]:
    quote, gpu = quotes["sagemaker-g4dn-xlarge"], gpu_speed(work.model)
    for kind, against in (
        ("asynchronous", "no Spot; instances stay for minutes after the last request; a container of its protocol"),
        ("batch transform", "no Spot; a job and its instances for each batch, started by something else"),
    ):
        yield Offer(
            place=f"SageMaker {kind}, ml.g4dn.xlarge (T4)",
            per_audio_hour=quote.dollars / (gpu * work.speed.busy_share),
            dated=quote.dated,
            speed=_told(gpu, measured=False),
            against=f"{against}; a GPU build of the engine does not exist here",
        )


def _apis(work: Work, quotes: Mapping[str, Quote]) -> Iterator[Offer]:
    for name, key in (
        ("Amazon Transcribe, batch", "transcribe-batch"),
        ("Amazon Transcribe, price until 2026", "transcribe-batch-until-2026"),
    ):
        quote = quotes[key]
        yield Offer(place=name, per_audio_hour=quote.dollars, dated=quote.dated, against=f"another model; {quote.note}")
    transfer = quotes["transfer-out"]
    # Telephone WAV, of which disks are sized for two channels.
    leaving = TELEPHONE_BYTES_PER_SECOND / 2 * work.channels * 3600 / 1e9 * transfer.dollars
    for name, key in (
        ("OpenAI whisper-1", "openai-whisper-1"),
        ("OpenAI gpt-4o-mini-transcribe", "openai-gpt-4o-mini-transcribe"),
        ("Deepgram Nova-3", "deepgram-nova-3"),
        ("AssemblyAI Universal-2", "assemblyai-universal-2"),
        ("Groq whisper-large-v3-turbo", "groq-whisper-large-v3-turbo"),
    ):
        quote = quotes[key]
        yield Offer(
            place=name,
            per_audio_hour=quote.dollars * (work.channels if quote.per == CHANNEL_HOUR else 1) + leaving,
            dated=_oldest(quote, transfer),
            against="; ".join(filter(None, ("recordings leave the account", quote.note))),
        )


def _own_speed(work: Work, processor: str, *, cpu: int = 0) -> Speed:
    """The speed of a task of another processor or size; the environment's own if it is the same."""
    cpu = cpu or work.task.cpu
    if (cpu, processor) == (work.speed.cpu, work.speed.processor):
        return work.speed
    measured = Speed.of(work.model, cpu=cpu, processor=processor)
    return heard(replace(measured, busy_share=work.speed.busy_share), work.speech_share)


def _told(speed: float, *, measured: bool) -> str:
    return f"{speed:.3g} {MEASURED if measured else ASSUMED}"


def _oldest(*quotes: Quote) -> str:
    return min(quote.dated for quote in quotes)
