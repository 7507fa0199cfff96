"""Whether a resource outlives its stack."""

from aws_cdk import RemovalPolicy


def removal(*, retain: bool) -> RemovalPolicy:
    """The policy of a resource that is kept when its stack is deleted or replaces it, or of one that goes with it.

    A kept resource goes, too, if the create that made it is rolled back: nothing is in it yet, and no stack would refer to it.
    """
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if retain else RemovalPolicy.DESTROY
