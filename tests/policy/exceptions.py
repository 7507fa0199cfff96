"""Accepted findings of NIST 800-53 R5, HIPAA Security, PCI DSS and checkov, by control, with reasons.

Findings of AwsSolutions are acknowledged in the constructs instead.
"""

from collections.abc import Iterable, Mapping, Sequence

from stacks.environments import Egress, Environment, NetworkPlan
from tests.policy.findings import Pack
from tests.policy.verdict import Accepted, Condition, everywhere

CONTROLS = (Pack.NIST, Pack.HIPAA, Pack.PCI)
PLAIN = "these environments choose plain HTTP within their network; production cannot"
LOGS = ("Api/Task/Logs", "Batch/Task/Logs", "Watch/Canary/Logs", "Watch/Reconcile/Logs")
ACCESS_LOGS = ("Api/Balancer/AccessLogs", "Recordings/Store/AccessLogs")
CALLS = ("Recordings/Store/Recordings", "Recordings/Store/Transcripts")
BALANCER = "Api/Balancer/LoadBalancer"
OWN_KEYS = (
    "encrypted with AWS-managed keys; customer-managed keys cost per month and request, and are the customer's choice"
)
CUSTOM = ("Network/Custom::VpcRestrictDefaultSGCustomResourceProvider/Handler",)
GOLDEN = "only releases and the maintainers of the golden recordings read it"
ARTIFACTS = "it contains the source of runs for a week, which only the pipeline reads"
ONE_ROLE = "an inline policy has the life cycle of its role, and cannot be attached to another"
DOWNLOADS = "it contains packages that anyone can download"
LAYERS = (
    "it contains no image that is deployed: the layers of builds, and a copy of a public image, which move by design"
)
SOURCE = "the pipeline provides the source; projects contain neither repository URL nor credentials"
CUSTOM_REASON = "the library's function runs once per deployment, which reports its failure"


def plain_http(environment: Environment) -> bool:
    """Environments without TLS."""
    return not environment.tls


def with_tls(environment: Environment) -> bool:
    """Environments with TLS."""
    return environment.tls


def with_keys(environment: Environment) -> bool:
    """Environments whose callers need a key."""
    return environment.api.keys


def with_network(environment: Environment) -> bool:
    """Environments that make their network."""
    return isinstance(environment.network, NetworkPlan)


def with_internet(environment: Environment) -> bool:
    """Environments that make a network with a way to the internet."""
    return with_network(environment) and environment.network.egress is not Egress.ENDPOINTS


def with_web_acl(environment: Environment) -> bool:
    """Environments whose API has rules of AWS WAF."""
    return environment.api.web_acl is not None


def without_web_acl(environment: Environment) -> bool:
    """Environments whose API has none."""
    return not with_web_acl(environment)


def for_tests(environment: Environment) -> bool:
    """Environments that are not production."""
    return not environment.production


def with_people(environment: Environment) -> bool:
    """Environments with roles for people."""
    return environment.people


def with_commits(environment: Environment) -> bool:
    """Environments with a pipeline of commits."""
    return environment.commits is not None


def with_releases(environment: Environment) -> bool:
    """Environments with a pipeline of releases."""
    return environment.releases is not None


def with_delivery(environment: Environment) -> bool:
    """Environments with a pipeline, or with a role for that of another."""
    return with_commits(environment) or with_releases(environment) or bool(environment.released_by)


def with_builds(environment: Environment) -> bool:
    """Environments whose images are built here."""
    return not environment.images_from


def with_base(environment: Environment) -> bool:
    """Environments whose builds begin with a copy of a public image."""
    return bool(environment.commits and environment.commits.base)


def with_backfill(environment: Environment) -> bool:
    """Environments with old recordings."""
    return environment.backfill is not None


def with_brake(environment: Environment) -> bool:
    """Environments whose batch fleet has a budget brake."""
    return environment.brake is not None


def with_gate(environment: Environment) -> bool:
    """Environments in which releases are measured."""
    return bool(environment.releases and environment.releases.gate)


def with_aws_keys(environment: Environment) -> bool:
    """Environments whose data are encrypted with keys of AWS."""
    return not environment.customer_key


def both(*conditions: Condition) -> Condition:
    """Environments that meet every condition."""
    return lambda environment: all(condition(environment) for condition in conditions)


def kept(packs: Sequence[Pack], reason: str, places: Iterable[tuple[Sequence[str], Condition]]) -> list[Accepted]:
    """The same exception for resources of different environments."""
    return [
        Accepted(packs=tuple(packs), resources=tuple(names), environments=environments, reason=reason)
        for names, environments in places
    ]


def logs(packs: Sequence[Pack]) -> list[Accepted]:
    """Exceptions for every log group that keys of AWS encrypt."""
    places: tuple[tuple[Sequence[str], Condition], ...] = (
        (LOGS, everywhere),
        (("Network/Private/Flows",), with_network),
        (("Api/Balancer/WebAcl/Refused",), with_web_acl),
        (("Delivery/*/Logs",), with_commits),
        (("Releases/*/Logs",), with_releases),
        (("Gate/Measure/Logs",), with_gate),
        (("Backfill/Task/Logs",), with_backfill),
    )
    return kept(packs, OWN_KEYS, [(names, both(with_aws_keys, environments)) for names, environments in places])


def buckets(packs: Sequence[Pack], reason: str, *, calls: Condition = everywhere) -> list[Accepted]:
    """Exceptions for every bucket, for those with calls only under a condition."""
    places = (
        (ACCESS_LOGS, everywhere),
        (CALLS, calls),
        (("Delivery/*/Artifacts", "Delivery/*/Downloads"), with_commits),
        (("Releases/*/Artifacts",), with_releases),
        (("Gate/Gate/Bucket",), both(with_gate, calls)),
    )
    return kept(packs, reason, places)


def of_pipelines(packs: Sequence[Pack]) -> list[Accepted]:
    """Exceptions for the buckets of pipelines, whose accesses no one counts."""
    return [
        *kept(
            packs, ARTIFACTS, [(("Delivery/*/Artifacts",), with_commits), (("Releases/*/Artifacts",), with_releases)]
        ),
        *kept(packs, DOWNLOADS, [(("Delivery/*/Downloads",), with_commits)]),
    ]


def of_builds() -> list[Accepted]:
    """Exceptions for the repositories that only builds read."""
    return kept([Pack.CHECKOV], LAYERS, [(("Registry/Cache",), with_builds), (("Registry/Base",), with_base)])


EXCEPTIONS: Mapping[str, Sequence[Accepted]] = {
    # Encryption
    "CloudWatchLogGroupEncrypted": logs(CONTROLS),
    "S3DefaultEncryptionKMS": buckets(CONTROLS, OWN_KEYS, calls=with_aws_keys),
    "SecretsManagerUsingKMSKey": [
        Accepted(
            packs=CONTROLS, resources=("Api/Api/Keys",), environments=both(with_keys, with_aws_keys), reason=OWN_KEYS
        )
    ],
    "CKV_AWS_136": [Accepted(packs=(Pack.CHECKOV,), resources=("Registry/Images",), reason=OWN_KEYS), *of_builds()],
    "CKV_AWS_149": [
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=("Api/Api/Keys",),
            environments=both(with_keys, with_aws_keys),
            reason=OWN_KEYS,
        )
    ],
    "CKV_AWS_158": logs([Pack.CHECKOV]),
    "CKV_AWS_27": [
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=("Recordings/Store/Queue", "Recordings/Store/DeadLetters"),
            environments=with_aws_keys,
            reason="SQS encrypts the queues with its own keys, which the check does not recognize",
        ),
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=("Backfill/Store/Queue", "Backfill/Store/DeadLetters"),
            environments=both(with_backfill, with_aws_keys),
            reason="SQS encrypts the queues with its own keys, which the check does not recognize",
        ),
    ],
    # Transport
    "ALBHttpToHttpsRedirection": [
        Accepted(
            packs=CONTROLS,
            resources=(f"{BALANCER}/Listener",),
            environments=plain_http,
            reason=PLAIN,
        )
    ],
    "ELBv2ACMCertificateRequired": [
        Accepted(
            packs=CONTROLS,
            resources=(f"{BALANCER}/Listener",),
            environments=plain_http,
            reason=PLAIN,
        ),
        Accepted(
            packs=CONTROLS,
            resources=(f"{BALANCER}/Redirect80To443",),
            environments=with_tls,
            reason="this listener only redirects to the listener with the certificate",
        ),
    ],
    "CKV_AWS_2": [
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=(f"{BALANCER}/Listener",),
            environments=plain_http,
            reason=PLAIN,
        )
    ],
    "CKV_AWS_103": [
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=(f"{BALANCER}/Listener",),
            environments=plain_http,
            reason=PLAIN,
        )
    ],
    # Network
    "ALBWAFEnabled": [
        Accepted(
            packs=(Pack.NIST, Pack.PCI),
            resources=(BALANCER,),
            environments=without_web_acl,
            reason="the load balancer is internal: only listed networks reach it, and callers need a key",
        )
    ],
    "CKV_AWS_192": [
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=("Api/Balancer/WebAcl/Rules",),
            environments=with_web_acl,
            reason="it asks for rules against Log4j, and no Java runs behind the load balancer",
        )
    ],
    "VPCNoUnrestrictedRouteToIGW": [
        Accepted(
            packs=CONTROLS,
            resources=("Network/Private/Vpc/OuterSubnet?/DefaultRoute",),
            environments=with_internet,
            reason="the route of the NAT gateway or of public tasks; security groups allow no connection from the internet",
        )
    ],
    "VPCSubnetAutoAssignPublicIpDisabled": [
        Accepted(
            packs=CONTROLS,
            resources=("Network/Private/Vpc/OuterSubnet?/Subnet",),
            environments=with_internet,
            reason="the outer subnets contain the NAT gateway, or tasks with public addresses and no ingress rule",
        )
    ],
    "ELBDeletionProtectionEnabled": [
        Accepted(
            packs=(Pack.NIST, Pack.HIPAA),
            resources=(BALANCER,),
            environments=for_tests,
            reason="test environments are deleted with their stacks; production is protected",
        )
    ],
    # Data
    "S3BucketLoggingEnabled": [
        Accepted(
            packs=CONTROLS,
            resources=("Api/Balancer/AccessLogs",),
            reason="it contains access logs itself; logging access to logs would never end",
        ),
        *of_pipelines(CONTROLS),
        Accepted(packs=CONTROLS, resources=("Gate/Gate/Bucket",), environments=with_gate, reason=GOLDEN),
    ],
    "CKV_AWS_18": [
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=("Api/Balancer/AccessLogs", "Recordings/Store/AccessLogs"),
            reason="they contain access logs themselves; logging access to logs would never end",
        ),
        *of_pipelines([Pack.CHECKOV]),
        Accepted(packs=(Pack.CHECKOV,), resources=("Gate/Gate/Bucket",), environments=with_gate, reason=GOLDEN),
    ],
    "S3BucketReplicationEnabled": buckets(
        CONTROLS, "the law may bind calls to their region; S3 stores each object in three zones, versioned"
    ),
    # People, secrets and programs
    "IAMNoInlinePolicy": [
        Accepted(
            packs=CONTROLS,
            resources=tuple(f"{stack}/*DefaultPolicy" for stack in ("Api", "Batch", "Watch")),
            reason=ONE_ROLE,
        ),
        Accepted(packs=CONTROLS, resources=("People/*DefaultPolicy",), environments=with_people, reason=ONE_ROLE),
        Accepted(packs=CONTROLS, resources=("Releases/*DefaultPolicy",), environments=with_releases, reason=ONE_ROLE),
        Accepted(packs=CONTROLS, resources=("Network/*DefaultPolicy",), environments=with_network, reason=ONE_ROLE),
        Accepted(packs=CONTROLS, resources=("Delivery/*DefaultPolicy",), environments=with_delivery, reason=ONE_ROLE),
        Accepted(packs=CONTROLS, resources=("Gate/*Policy*",), environments=with_gate, reason=ONE_ROLE),
        Accepted(packs=CONTROLS, resources=("Backfill/*DefaultPolicy",), environments=with_backfill, reason=ONE_ROLE),
        Accepted(packs=CONTROLS, resources=("Monitoring/*DefaultPolicy",), environments=with_brake, reason=ONE_ROLE),
    ],
    "SecretsManagerRotationEnabled": [
        Accepted(
            packs=(Pack.NIST, Pack.HIPAA),
            resources=("Api/Api/Keys",),
            environments=with_keys,
            reason="callers have the keys too, so rotation needs a person who hands them the new one",
        )
    ],
    "CodeBuildProjectSourceRepoUrl": [
        Accepted(packs=(Pack.HIPAA, Pack.PCI), resources=(f"{stack}/*",), environments=environments, reason=SOURCE)
        for stack, environments in (("Delivery", with_commits), ("Releases", with_releases))
    ],
    "CloudWatchAlarmAction": [
        Accepted(
            packs=(Pack.NIST, Pack.HIPAA),
            resources=("Api/Api/Rollback",),
            reason="deployments read it to roll back; the Errors alarm notifies people",
        )
    ],
    "CKV_AWS_51": [
        Accepted(
            packs=(Pack.CHECKOV,),
            resources=("Registry/Images",),
            reason="tags except those of what runs are immutable, a mode that the check does not recognize",
        ),
        *of_builds(),
    ],
    "CKV_AWS_163": of_builds(),
    "CKV_AWS_115": [Accepted(packs=(Pack.CHECKOV,), resources=CUSTOM, environments=with_network, reason=CUSTOM_REASON)],
    "CKV_AWS_116": [Accepted(packs=(Pack.CHECKOV,), resources=CUSTOM, environments=with_network, reason=CUSTOM_REASON)],
    "CKV_AWS_117": [Accepted(packs=(Pack.CHECKOV,), resources=CUSTOM, environments=with_network, reason=CUSTOM_REASON)],
}
