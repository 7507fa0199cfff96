"""The values of the file, shown beside the account's, asked for, and written."""

import io
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from delivery import parameters
from delivery.account_file import AccountFile
from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused
from local.emulator import Emulator
from tests.delivery.empty import Terminal, running, variables

ALARMS, ACCOUNT = "/whisper/forge/alarm-address", "/whisper/forge/release-account"
EXPECTED = {ALARMS, ACCOUNT}
SILENT = io.StringIO()


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An account with nothing in it."""
    with running(tmp_path_factory.mktemp("parameters")) as emulator:
        yield emulator


@pytest.fixture
def forge(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeployedEnvironment]:
    """An environment there, whose parameters are gone afterwards."""
    environ = variables(aws)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    deployed = DeployedEnvironment.named("forge", environ)
    yield deployed
    for name in stored(deployed):
        deployed.client("ssm").delete_parameter(Name=name)


def file(folder: Path, **values: str) -> AccountFile:
    """A file with the environment's values."""
    lines = "".join(f'{name.replace("_", "-")} = "{value}"\n' for name, value in values.items())
    (folder / "account.toml").write_text(f"[forge]\n{lines}")
    return AccountFile.read(folder / "account.toml")


def stored(deployed: DeployedEnvironment) -> Mapping[str, str]:
    """The account's parameters."""
    return parameters.stored(deployed)


def apply(deployed: DeployedEnvironment, given: AccountFile, **asked: Any) -> None:
    """Write the file, confirmed unless something else is asked for."""
    parameters.apply(deployed, EXPECTED, given, **{"confirmed": "forge", "terminal": SILENT, **asked})


def test_difference_is_shown_before_it_is_written_and_a_second_run_writes_nothing(
    forge: DeployedEnvironment, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Added, changed and equal values are told apart, each with the value of the account."""
    forge.client("ssm").put_parameter(Name=ACCOUNT, Value="210987654321", Type="String")
    given = file(tmp_path, alarm_address="a@b.example", release_account="123456789012")
    apply(forge, given)
    assert capfd.readouterr().err.splitlines() == [
        f"added    {ALARMS}  a@b.example",
        f"changed  {ACCOUNT}  210987654321 → 123456789012",
        f"{ALARMS}: written.",
        f"{ACCOUNT}: written.",
    ]
    assert stored(forge) == {ALARMS: "a@b.example", ACCOUNT: "123456789012"}
    apply(forge, given, confirmed="")
    assert capfd.readouterr().err.splitlines() == [
        f"same     {ALARMS}  a@b.example",
        f"same     {ACCOUNT}  123456789012",
        "/whisper/forge/: nothing to write.",
    ]


@pytest.mark.parametrize(
    ("confirmed", "terminal", "writes"),
    [
        ("", SILENT, False),
        ("live", SILENT, False),
        ("", Terminal("n\n"), False),
        ("", Terminal("\n"), False),
        ("", Terminal("y\n"), True),
    ],
)
def test_nothing_is_written_without_a_yes(
    forge: DeployedEnvironment,
    tmp_path: Path,
    confirmed: str,
    terminal: io.StringIO,
    writes: bool,  # noqa: FBT001
) -> None:
    """The environment's name, or an answer on a terminal; a program without one waits for nothing."""
    given = file(tmp_path, alarm_address="a@b.example", release_account="123456789012")
    refused = pytest.raises(Refused, match=f"^CONFIRM: got '{confirmed}', expected 'forge'")
    with nullcontext() if writes else refused:
        apply(forge, given, confirmed=confirmed, terminal=terminal)
    assert bool(stored(forge)) == writes


def test_value_that_only_the_account_has_is_kept(
    forge: DeployedEnvironment, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The file need not repeat a value that another person or stack has written."""
    forge.client("ssm").put_parameter(Name=ACCOUNT, Value="210987654321", Type="String")
    apply(forge, file(tmp_path, alarm_address="a@b.example"))
    assert f"kept     {ACCOUNT}  210987654321" in capfd.readouterr().err
    assert stored(forge)[ACCOUNT] == "210987654321"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"alarm_address": "a@b.example"}, "account.toml: got no forge.release-account, expected a value for each"),
        (
            {"alarm_address": "calls", "release_account": "1"},
            (
                "account.toml:2: forge.alarm-address: got 'calls', expected an e-mail address such as calls@example.com; "
                "account.toml:3: forge.release-account: got '1', expected an account of twelve digits"
            ),
        ),
    ],
)
def test_missing_or_wrong_value_writes_none(
    forge: DeployedEnvironment, tmp_path: Path, given: dict[str, str], says: str
) -> None:
    """A half-written environment would deploy half-way."""
    with pytest.raises(Refused) as refused:
        apply(forge, file(tmp_path, **given))
    assert str(refused.value) == says
    assert not stored(forge)


def test_missing_values_are_asked_for_by_name_until_they_are_right(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The question says how to find the value, a slip is answered like one in the file, and the file remembers the answers."""
    answers = Terminal("calls\na@b.example\n123456789012\n")
    given = parameters.ask(file(tmp_path), "forge", EXPECTED, answers)
    assert given.values("forge") == {ALARMS: "a@b.example", ACCOUNT: "123456789012"}
    asked = capfd.readouterr().err
    assert "forge.alarm-address: e-mail address that alarms go to; AWS asks it to confirm" in asked
    assert "forge.alarm-address: got 'calls', expected an e-mail address such as calls@example.com" in asked


def test_wrong_answers_end(tmp_path: Path) -> None:
    """A closed terminal, or a person without the answer, is not asked forever."""
    with pytest.raises(Refused, match=r"^forge.alarm-address: got '' last, expected an e-mail address"):
        parameters.ask(file(tmp_path), "forge", [ALARMS], Terminal("calls\n"))


def test_nothing_is_asked_without_a_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A pipeline would hang."""
    given = file(tmp_path)
    assert parameters.ask(given, "forge", EXPECTED, SILENT) is given
    assert not capfd.readouterr().err
