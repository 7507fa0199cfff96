"""A role's credentials, assumed with the program's own and renewed in time.

As a program it prints them in the form that `credential_process` of an AWS profile asks for, so that whatever runs under
the profile (the CDK, boto3) renews them, too. It stands alone: it also serves checkouts of other commits.
"""

import json
import os
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import botocore.session
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    AssumeRoleWithWebIdentityCredentialFetcher,
    BaseAssumeRoleCredentialFetcher,
    CredentialProvider,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import CredentialRetrievalError

SESSION_NAME = "whisper-release"
# Of the tokens with which the jobs of a workflow take roles.
AUDIENCE = "sts.amazonaws.com"
SECONDS = 30
# The variables by which AWS's clients find a program's own credentials.
OWN = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"),
    *("AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE"),
)
# What the profile's process prints, and how botocore names it.
PRINTED = {
    "AccessKeyId": "access_key",
    "SecretAccessKey": "secret_key",
    "SessionToken": "token",
    "Expiration": "expiry_time",
}


class AssumedRole(CredentialProvider):
    """Provides the credentials of a role, which botocore renews before they expire."""

    METHOD = "assume-role"

    def __init__(self, role: str, *, region: str) -> None:
        super().__init__()
        self._role, self._region = role, region

    def load(self) -> Credentials:
        """The credentials; the role is assumed when they are first used."""
        fetcher = _fetcher(self._role, region=self._region)
        return DeferredRefreshableCredentials(method=self.METHOD, refresh_using=fetcher.fetch_credentials)


def under_profile(environ: Mapping[str, str], *, name: str, role: str, region: str, folder: Path) -> dict[str, str]:
    """Variables under which another program works as a role, by a profile that is written to `folder`.

    The program's own credentials are set aside under names that only the profile's process reads: a variable with a key
    would come before the profile.
    """
    aside = f"OWN_{name.upper()}_"
    config = folder / f"{name}.ini"
    folder.mkdir(parents=True, exist_ok=True)
    process = f'"{sys.executable}" -P "{Path(__file__).resolve()}" {role} {region} {aside}'
    # Another step in this checkout may be reading the profile, so that it is there in full or not at all.
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as written:
        written.write(f"[profile delivery-{name}]\nregion = {region}\ncredential_process = {process}\n")
    Path(written.name).replace(config)
    kept = {key: value for key, value in environ.items() if key not in OWN}
    own = {f"{aside}{key}": environ[key] for key in OWN if key in environ}
    return {**kept, **own, "AWS_PROFILE": f"delivery-{name}", "AWS_CONFIG_FILE": str(config)}


def main(role: str, region: str, aside: str) -> None:
    """Print a role's credentials, assumed with those that were set aside."""
    for key in OWN:
        own = os.environ.pop(f"{aside}{key}", None)
        os.environ.pop(key, None)
        if own is not None:
            os.environ[key] = own
    fetched = _fetcher(role, region=region).fetch_credentials()
    printed = {name: fetched[key] for name, key in PRINTED.items()}
    print(json.dumps({"Version": 1, **printed}))


def _fetcher(role: str, *, region: str) -> BaseAssumeRoleCredentialFetcher:
    """Takes a role with the identity of the workflow's job, if there is one, else with the program's own credentials."""
    own = botocore.session.get_session()
    own.set_config_variable("region", region)
    taken: dict[str, Any] = {
        "client_creator": own.create_client,
        "role_arn": role,
        "extra_args": {"RoleSessionName": SESSION_NAME},
    }
    if token := _identity(os.environ):
        return AssumeRoleWithWebIdentityCredentialFetcher(web_identity_token_loader=token, **taken)
    return AssumeRoleCredentialFetcher(source_credentials=own.get_credentials(), **taken)


def _identity(environ: Mapping[str, str]) -> Callable[[], str] | None:
    """How to get a token that names the job: a new one each time from GitHub, the job's own from GitLab; None elsewhere."""
    if token := environ.get("WEB_IDENTITY_TOKEN"):
        return lambda: token
    url, bearer = (environ.get(f"ACTIONS_ID_TOKEN_REQUEST_{part}") for part in ("URL", "TOKEN"))
    if not (url and bearer):
        return None
    asked = urllib.request.Request(f"{url}&audience={AUDIENCE}", headers={"Authorization": f"bearer {bearer}"})  # noqa: S310 -- GitHub's

    def token_of_github() -> str:
        try:
            with urllib.request.urlopen(asked, timeout=SECONDS) as answer:  # noqa: S310 -- the address above
                return str(json.load(answer)["value"])
        except OSError as error:
            raise CredentialRetrievalError(provider="a token of GitHub", error_msg=error) from None

    return token_of_github


if __name__ == "__main__":
    main(*sys.argv[1:])
