"""Checks of the account: parameters, connection, certificate, zones, bootstrap, the role of ECS."""

from collections.abc import Iterable, Iterator

from botocore.exceptions import ClientError

from delivery import first_create
from delivery.account_file import AccountFile
from delivery.assembly import Assembly
from delivery.deployed import DeployedEnvironment
from delivery.findings import Finding, State
from delivery.parameters import Difference
from delivery.shapes import shape

CONNECTION, CERTIFICATE = "source-connection-arn", "certificate-arn"
# How the ARN of each kind of resource says its region.
REGION = 3


def parameters(
    name: str, file: AccountFile, expected: Iterable[str], differences: Iterable[Difference]
) -> Iterator[Finding]:
    """Each value that only the account knows: in the file, in the account, of the right form, and the same in both."""
    for wrong in file.wrong_values(name, expected):
        yield _finding("parameters", State.MISSING, str(wrong))
    for each in differences:
        form = shape(each.path.rpartition("/")[2])
        key = AccountFile.key(name, each.path)
        match each.kind:
            case "missing":
                says = f"{key}: got none in {file.path.name} and none in SSM, expected {form.expected}: {form.purpose}"
                yield _finding("parameters", State.MISSING, says)
            case "changed":
                remedy = f"the same: `make parameters ENV={name}` writes the file's"
                says = f"{key}: got {each.given} in {file.path.name} and {each.stored} in SSM, expected {remedy}"
                yield _finding("parameters", State.MISSING, says)
            case "kept" if not form.fits(each.stored):
                yield _finding(
                    "parameters", State.MISSING, f"{each.path}: got {each.stored!r}, expected {form.expected}"
                )
            case "added":
                yield _finding("parameters", State.LATER, f"{each.path}: from {file.path.name}")
            case _:
                yield _finding("parameters", State.OK, f"{each.path}: {each.stored}")


def connection(deployed: DeployedEnvironment, arn: str) -> Iterator[Finding]:
    """The handshake of the connection to the repository, which a person finishes in the console."""
    service, region = arn.split(":")[2:4]
    client = deployed.session.client(service, region_name=region)  # type: ignore[call-overload]  # one of two names
    state = client.get_connection(ConnectionArn=arn)["Connection"]["ConnectionStatus"]
    if state == "AVAILABLE":
        yield _finding("connection", State.OK, f"{arn} is available")
        return
    remedy = "AVAILABLE: in the console, Developer Tools, Settings, Connections, Update pending connection"
    yield _finding("connection", State.MISSING, f"{arn}: got {state}, expected {remedy}")


def certificate(deployed: DeployedEnvironment, arn: str) -> Iterator[Finding]:
    """The certificate of the API's name: issued, and in the load balancer's region."""
    region = deployed.environment.region
    if arn.split(":")[REGION] != region:
        yield _finding("certificate", State.MISSING, f"{arn}: got one elsewhere, expected a certificate of {region}")
        return
    state = deployed.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]["Status"]
    if state == "ISSUED":
        yield _finding("certificate", State.OK, f"{arn} is issued")
    else:
        says = f"{arn}: got {state}, expected ISSUED: put its validation record into the DNS zone"
        yield _finding("certificate", State.MISSING, says)


def zones(deployed: DeployedEnvironment) -> Iterator[Finding]:
    """The zones that the network spans, among those that the account may use."""
    environment = deployed.environment
    wanted = [f"{environment.region}{letter}" for letter in environment.network.zones]
    answer = deployed.client("ec2").describe_availability_zones(
        Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}, {"Name": "state", "Values": ["available"]}]
    )
    offered = sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"])
    if absent := [zone for zone in wanted if zone not in offered]:
        letters = ", ".join(zone.removeprefix(environment.region) for zone in offered)
        remedy = f"{deployed.name}.network.zones among those that the account has: {letters}"
        yield _finding("zones", State.MISSING, f"got no {', '.join(absent)}, expected {remedy}")
    else:
        yield _finding("zones", State.OK, ", ".join(wanted))


def bootstrap(deployed: DeployedEnvironment, assembly: Assembly) -> Iterator[Finding]:
    """The CDK's own stack, which the first deploy makes or updates."""
    for path, needed in sorted(assembly.bootstrap):
        try:
            version = int(deployed.client("ssm").get_parameter(Name=path)["Parameter"]["Value"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "ParameterNotFound":
                raise
            version = 0
        if version >= needed:
            yield _finding("bootstrap", State.OK, f"{path} is {version}, {needed} or more is needed")
        else:
            yield _finding("bootstrap", State.LATER, f"{path} is {version or 'not there'}, {needed} or more is needed")


def linked_role(deployed: DeployedEnvironment) -> Iterator[Finding]:
    """The role that ECS works with."""
    there = first_create.has_linked_role(deployed)
    says = "the account has AWSServiceRoleForECS" if there else "the account has no AWSServiceRoleForECS yet"
    yield _finding("ECS role", State.OK if there else State.LATER, says)


def is_arn(name: str, value: str) -> bool:
    """Whether a value can be asked about; another one is refused by its form already."""
    return shape(name).fits(value)


def _finding(check: str, state: State, says: str) -> Finding:
    return Finding(check=check, state=state, says=says)
