"""Signatures as the specification Standard Webhooks has them (standardwebhooks.com): an id, a time, an HMAC per secret."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"
# By the specification.
LEAST_BYTES, MOST_BYTES = 24, 64
# The new and the old one while receivers change.
MOST_SECRETS = 2


def read_secrets(text: str) -> tuple[bytes, ...]:
    """The secrets in a text: one, or two separated by a comma while receivers change; each in base64, with or without `whsec_`.

    Raises:
        ValueError: it has none, more than two, or a wrong one; the message does not show it.
    """
    secrets = tuple(_secret(part) for part in re.split(r"[,\s]+", text.strip()) if part)
    if not 1 <= len(secrets) <= MOST_SECRETS:
        raise ValueError(f"no secret, or more than {MOST_SECRETS}")
    return secrets


def _secret(text: str) -> bytes:
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        secret = b""
    if not LEAST_BYTES <= len(secret) <= MOST_BYTES:
        raise ValueError(f"no base64 of {LEAST_BYTES} to {MOST_BYTES} bytes")
    return secret


def signed_headers(secrets: Sequence[bytes], *, identity: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The headers that let a receiver check the origin of a body and the time of sending; a signature for each secret."""
    content = f"{identity}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode() for secret in secrets)
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
