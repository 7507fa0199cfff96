"""What NIST 800-53 R5, HIPAA Security, PCI DSS and checkov find and the project keeps, by control, with reasons.

Findings of AwsSolutions are not accepted here: their acknowledgements stand beside the resources.
"""

from collections.abc import Mapping, Sequence

from tests.policy.findings import Pack
from tests.policy.verdict import Accepted

CONTROLS = (Pack.NIST, Pack.HIPAA, Pack.PCI)
PLAIN_HTTP = ("dev", "local")
PLAIN = "plain HTTP within the network is what these environments say; production cannot"
LOGS = ("Api/Task/Logs", "Batch/Task/Logs", "Delivery/Delivery/Logs", "Network/Private/Flows")
BUCKETS = (
    "Api/Balancer/AccessLogs",
    "Delivery/Delivery/Artifacts",
    "Recordings/Store/AccessLogs",
    "Recordings/Store/Recordings",
    "Recordings/Store/Transcripts",
)
BALANCER = "Api/Balancer/LoadBalancer"
OWN_KEYS = (
    "encrypted with keys of AWS; a key of one's own costs by the month and by the request, and is the customer's choice"
)
CUSTOM = ("Network/Custom::VpcRestrictDefaultSGCustomResourceProvider/Handler",)
CUSTOM_REASON = "the library's function runs once for each deploy, and the deploy reports its failure"

EXCEPTIONS: Mapping[str, Sequence[Accepted]] = {
    # Encryption
    "CloudWatchLogGroupEncrypted": [Accepted(packs=CONTROLS, resources=LOGS, reason=OWN_KEYS)],
    "S3DefaultEncryptionKMS": [Accepted(packs=CONTROLS, resources=BUCKETS, reason=OWN_KEYS)],
    "SecretsManagerUsingKMSKey": [Accepted(packs=CONTROLS, resources=("Api/Api/Keys",), reason=OWN_KEYS)],
    "CKV_AWS_136": [Accepted(packs=(Pack.CHECKOV,), resources=("Registry/Images",), reason=OWN_KEYS)],
    "CKV_AWS_149": [Accepted(packs=(Pack.CHECKOV,), resources=("Api/Api/Keys",), reason=OWN_KEYS)],
    "CKV_AWS_158": [Accepted(packs=(Pack.CHECKOV,), resources=LOGS, reason=OWN_KEYS)],
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
        Accepted(
            packs=CONTROLS,
            resources=("Delivery/Delivery/Artifacts",),
            reason="it holds the source of a run for a month, which the pipeline alone reads",
        ),
    ],
    "CKV_AWS_18": [
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=("Api/Balancer/AccessLogs", "Recordings/Store/AccessLogs"),
            reason="they hold access logs themselves; a log of logs would have no end",
        ),
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=("Delivery/Delivery/Artifacts",),
            reason="it holds the source of a run for a month, which the pipeline alone reads",
        ),
    ],
    "S3BucketReplicationEnabled": [
        Accepted(
            packs=CONTROLS,
            resources=BUCKETS,
            reason="calls stay in the region their law keeps them in; S3 holds each in three zones, versioned",
        )
    ],
    # People, secrets and programs
    "IAMNoInlinePolicy": [
        Accepted(
            packs=CONTROLS,
            resources=tuple(f"{stack}/*DefaultPolicy" for stack in ("Api", "Batch", "Delivery", "Network", "People")),
            reason="a policy that belongs to one role lives and goes with it; nobody else can attach it",
        )
    ],
    "SecretsManagerRotationEnabled": [
        Accepted(
            packs=(Pack.NIST, Pack.HIPAA),
            resources=("Api/Api/Keys",),
            reason="callers hold the keys, too: only people who tell them can change one",
        )
    ],
    "CodeBuildProjectSourceRepoUrl": [
        Accepted(
            packs=(Pack.HIPAA, Pack.PCI),
            resources=("Delivery/Delivery/Build", "Delivery/Delivery/Deploy"),
            reason="the source comes from the pipeline's connection; a project has no address and no password",
        )
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
