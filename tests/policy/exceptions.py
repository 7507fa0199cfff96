"""What NIST 800-53 R5, HIPAA Security, PCI DSS and checkov find and the project keeps, by control, with reasons.

Findings of AwsSolutions are not accepted here: their acknowledgements stand beside the resources.
"""

from collections.abc import Mapping, Sequence

from tests.policy.findings import Pack
from tests.policy.verdict import EVERYWHERE, Accepted

CONTROLS = (Pack.NIST, Pack.HIPAA, Pack.PCI)
PLAIN_HTTP = ("dev", "local")
PLAIN = "plain HTTP within the network is what these environments say; production cannot"
# Where a pipeline stands, and where releases come first.
PIPELINES, GATE = ("dev", "stage", "local"), ("stage",)
LOGS = ("Api/Task/Logs", "Batch/Task/Logs", "Network/Private/Flows")
BUCKETS = (
    "Api/Balancer/AccessLogs",
    "Recordings/Store/AccessLogs",
    "Recordings/Store/Recordings",
    "Recordings/Store/Transcripts",
)
BALANCER = "Api/Balancer/LoadBalancer"
OWN_KEYS = (
    "encrypted with keys of AWS; a key of one's own costs by the month and by the request, and is the customer's choice"
)
CUSTOM = ("Network/Custom::VpcRestrictDefaultSGCustomResourceProvider/Handler",)
GOLDEN = "releases and the people who tend the golden recordings read it, nobody else"
ARTIFACTS = "it holds the source of a run for a week, which the pipeline alone reads"
ONE_ROLE = "a policy that belongs to one role lives and goes with it; nobody else can attach it"
SOURCE = "the source comes from the pipeline; a project has no address and no password"
CUSTOM_REASON = "the library's function runs once for each deploy, and the deploy reports its failure"


def kept(packs: Sequence[Pack], reason: str, *, resources: Sequence[str], pipelines: str, gate: str) -> list[Accepted]:
    """What is accepted of the same kind everywhere, of the pipelines where there are any, and of the gate."""
    places = ((resources, EVERYWHERE), ((pipelines,), PIPELINES), ((gate,), GATE))
    return [
        Accepted(packs=tuple(packs), resources=tuple(names), environments=environments, reason=reason)
        for names, environments in places
    ]


def logs(packs: Sequence[Pack]) -> list[Accepted]:
    """Every log group."""
    return kept(packs, OWN_KEYS, resources=LOGS, pipelines="Delivery/*/Logs", gate="Gate/Measure/Logs")


def buckets(packs: Sequence[Pack], reason: str) -> list[Accepted]:
    """Every bucket."""
    return kept(packs, reason, resources=BUCKETS, pipelines="Delivery/*/Artifacts", gate="Gate/Gate/Bucket")


EXCEPTIONS: Mapping[str, Sequence[Accepted]] = {
    # Encryption
    "CloudWatchLogGroupEncrypted": logs(CONTROLS),
    "S3DefaultEncryptionKMS": buckets(CONTROLS, OWN_KEYS),
    "SecretsManagerUsingKMSKey": [Accepted(packs=CONTROLS, resources=("Api/Api/Keys",), reason=OWN_KEYS)],
    "CKV_AWS_136": [Accepted(packs=(Pack.CHECKOV,), resources=("Registry/Images",), reason=OWN_KEYS)],
    "CKV_AWS_149": [Accepted(packs=(Pack.CHECKOV,), resources=("Api/Api/Keys",), reason=OWN_KEYS)],
    "CKV_AWS_158": logs([Pack.CHECKOV]),
    "CKV_AWS_27": [
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=("Recordings/Store/Queue", "Recordings/Store/DeadLetters"),
            reason="the queues are encrypted by SQS itself, which the check does not know of",
        )
    ],
    # Transport
    "ALBHttpToHttpsRedirection": [
        Accepted(
            packs=CONTROLS,
            resources=(f"{BALANCER}/Listener",),
            environments=PLAIN_HTTP,
            reason=PLAIN,
        )
    ],
    "ELBv2ACMCertificateRequired": [
        Accepted(
            packs=CONTROLS,
            resources=(f"{BALANCER}/Listener",),
            environments=PLAIN_HTTP,
            reason=PLAIN,
        ),
        Accepted(
            packs=CONTROLS,
            resources=(f"{BALANCER}/Redirect80To443",),
            environments=("stage", "prod"),
            reason="this listener only redirects to the one that has the certificate",
        ),
    ],
    "CKV_AWS_2": [
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=(f"{BALANCER}/Listener",),
            environments=PLAIN_HTTP,
            reason=PLAIN,
        )
    ],
    "CKV_AWS_103": [
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=(f"{BALANCER}/Listener",),
            environments=PLAIN_HTTP,
            reason=PLAIN,
        )
    ],
    # Network
    "ALBWAFEnabled": [
        Accepted(
            packs=(Pack.NIST, Pack.PCI),
            resources=(BALANCER,),
            reason="the load balancer is internal: listed networks with a key reach it, the internet does not",
        )
    ],
    "VPCNoUnrestrictedRouteToIGW": [
        Accepted(
            packs=CONTROLS,
            resources=("Network/Private/Vpc/OuterSubnet?/DefaultRoute",),
            reason="the way out of the NAT gateway or of public tasks; `endpoints` has none, no security group lets in",
        )
    ],
    "VPCSubnetAutoAssignPublicIpDisabled": [
        Accepted(
            packs=CONTROLS,
            resources=("Network/Private/Vpc/OuterSubnet?/Subnet",),
            reason="the outer subnets hold the NAT gateway, or tasks that are public by choice and let nobody in",
        )
    ],
    "ELBDeletionProtectionEnabled": [
        Accepted(
            packs=(Pack.NIST, Pack.HIPAA),
            resources=(BALANCER,),
            environments=("dev", "stage", "local"),
            reason="what is tried out is deleted with its stack; production is protected",
        )
    ],
    # Data
    "S3BucketLoggingEnabled": [
        Accepted(
            packs=CONTROLS,
            resources=("Api/Balancer/AccessLogs",),
            reason="it holds access logs itself; a log of logs would have no end",
        ),
        Accepted(packs=CONTROLS, resources=("Delivery/*/Artifacts",), environments=PIPELINES, reason=ARTIFACTS),
        Accepted(packs=CONTROLS, resources=("Gate/Gate/Bucket",), environments=GATE, reason=GOLDEN),
    ],
    "CKV_AWS_18": [
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=("Api/Balancer/AccessLogs", "Recordings/Store/AccessLogs"),
            reason="they hold access logs themselves; a log of logs would have no end",
        ),
        Accepted(packs=(Pack.CHECKOV,), resources=("Delivery/*/Artifacts",), environments=PIPELINES, reason=ARTIFACTS),
        Accepted(packs=(Pack.CHECKOV,), resources=("Gate/Gate/Bucket",), environments=GATE, reason=GOLDEN),
    ],
    "S3BucketReplicationEnabled": buckets(
        CONTROLS, "calls stay in the region their law keeps them in; S3 holds each in three zones, versioned"
    ),
    # People, secrets and programs
    "IAMNoInlinePolicy": [
        Accepted(
            packs=CONTROLS,
            resources=tuple(f"{stack}/*DefaultPolicy" for stack in ("Api", "Batch", "Delivery", "Network", "People")),
            reason=ONE_ROLE,
        ),
        Accepted(packs=CONTROLS, resources=("Gate/*Policy*",), environments=GATE, reason=ONE_ROLE),
    ],
    "SecretsManagerRotationEnabled": [
        Accepted(
            packs=(Pack.NIST, Pack.HIPAA),
            resources=("Api/Api/Keys",),
            reason="callers hold the keys, too: only people who tell them can change one",
        )
    ],
    "CodeBuildProjectSourceRepoUrl": [
        Accepted(packs=(Pack.HIPAA, Pack.PCI), resources=("Delivery/*",), environments=PIPELINES, reason=SOURCE)
    ],
    "CloudWatchAlarmAction": [
        Accepted(
            packs=(Pack.NIST, Pack.HIPAA),
            resources=("Api/Api/Rollback",),
            reason="a deployment in progress reads it, and rolls itself back; people are told by the Errors alarm",
        )
    ],
    "CKV_AWS_51": [
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=("Registry/Images",),
            reason="tags are immutable but for the build cache's, a mode that the check does not know of",
        )
    ],
    "CKV_AWS_115": [Accepted(packs=(Pack.CHECKOV,), resources=CUSTOM, reason=CUSTOM_REASON)],
    "CKV_AWS_116": [Accepted(packs=(Pack.CHECKOV,), resources=CUSTOM, reason=CUSTOM_REASON)],
    "CKV_AWS_117": [Accepted(packs=(Pack.CHECKOV,), resources=CUSTOM, reason=CUSTOM_REASON)],
}
