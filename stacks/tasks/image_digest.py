from aws_cdk import CfnParameter
from constructs import Construct


class ImageDigest(CfnParameter):
    """Template parameter for the digest of the image. It has no default, so a deployment without it fails and names it."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(
            scope,
            "ImageDigest",
            type="String",
            allowed_pattern="^sha256:[0-9a-f]{64}$",
            constraint_description="the digest of an image in the environment's registry, sha256: followed by 64 hex digits",
            description="Digest of the service's image, as the registry shows it after a push.",
        )
