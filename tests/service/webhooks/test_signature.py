"""Signatures of webhooks, by the specification Standard Webhooks."""

import base64

import pytest

from service.webhooks.signature import read_secrets, signed_headers

# The example of the specification's own libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER = base64.b64encode(bytes(range(32))).decode()


def signatures(secret: str) -> list[str]:
    """The signatures of the example's message."""
    headers = signed_headers(
        read_secrets(secret),
        identity="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")
    return headers["webhook-signature"].split(" ")


def test_signature_is_that_of_the_specification() -> None:
    """So that its libraries verify it; the prefix of a secret is optional."""
    assert signatures(SECRET) == signatures(SECRET.removeprefix("whsec_")) == [SIGNATURE]


def test_two_secrets_sign_while_receivers_change() -> None:
    """A receiver that knows either of them finds its signature."""
    both = signatures(f"{OTHER}, {SECRET}")
    assert both == [*signatures(OTHER), SIGNATURE]
    assert len(set(both)) == 2


@pytest.mark.parametrize(
    "text", ["", " ", ",", "whsec_", "short", "no base64!" * 4, "A" * 28, f"{OTHER},{OTHER},{OTHER}"]
)
def test_wrong_secret_is_refused_and_not_shown(text: str) -> None:
    """Nothing is signed with a key that is guessed soon, or that receivers would read otherwise."""
    with pytest.raises(ValueError, match=r"secret|base64") as refusal:
        read_secrets(text)
    assert not text.strip(" ,") or text not in str(refusal.value)


def test_generated_secret_is_one() -> None:
    """Secrets Manager makes forty letters and digits, as stacks/api/webhook_queue.py asks it to."""
    assert len(read_secrets("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123")[0]) == 30
