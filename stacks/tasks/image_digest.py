from aws_cdk import CfnParameter
from constructs import Construct


class ImageDigest(CfnParameter):
    """The image to run, named at deploy time: without a default, a deploy that forgets it is refused by name."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(
            scope,
            "ImageDigest",
            type="String",
            allowed_pattern="^sha256:[0-9a-f]{64}$",
            constraint_description="the digest of an image in the environment's registry, sha256: and 64 hex digits",
            description="Digest of the service's image, such as the one that the registry shows after a push.",
        )
