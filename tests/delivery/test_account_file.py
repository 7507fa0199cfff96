"""The file with the values that only the account knows, and the line for each slip."""

from pathlib import Path

import pytest

from delivery.account_file import AccountFile, example
from delivery.shapes import ANYTHING, SHAPES, shape
from service.settings import WrongValue

EXPECTED = {
    "/whisper/trial/alarm-address",
    "/whisper/trial/certificate-arn",
    "/whisper/trial/release-account",
    "/whisper/live/release-role-arn",
}
ROLE = "arn:aws:iam::123456789012:role/people/Admin"


def written(folder: Path, text: str) -> AccountFile:
    """A file with this text."""
    path = folder / "account.toml"
    path.write_text(text)
    return AccountFile.read(path)


def wrong(file: AccountFile) -> list[str]:
    """All lines about the file, as `trial` sees it."""
    return [*map(str, file.wrong(["forge", "trial"])), *map(str, file.wrong_values("trial", EXPECTED))]


def test_right_file_has_values_of_the_environment_and_of_others_that_it_reads(tmp_path: Path) -> None:
    """A role that another account's environment made is in a table below the environment that reads it."""
    file = written(
        tmp_path, f'[trial]\nalarm-address = "a@b.example"\n\n[trial.live]\nrelease-role-arn = "{ROLE}"\n[forge]\n'
    )
    assert not wrong(file)
    assert file.values("trial") == {
        "/whisper/trial/alarm-address": "a@b.example",
        "/whisper/live/release-role-arn": ROLE,
    }
    assert file.values("forge") == {}


def test_no_file_and_an_empty_text_are_no_value(tmp_path: Path) -> None:
    """The example has an empty text for every value; whatever is left empty is asked for, or missing."""
    assert AccountFile.read(tmp_path / "account.toml").values("trial") == {}
    assert written(tmp_path, '[trial]\nalarm-address = ""\n').values("trial") == {}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            '# mine\n[trial]\nalarm-address = "calls"\n',
            "account.toml:3: trial.alarm-address: got 'calls', expected an e-mail address such as calls@example.com",
        ),
        (
            '[trial]\nalarm-adress = "a@b.example"\n',
            (
                "account.toml:2: trial.alarm-adress: got 'a@b.example', expected a name that its stacks read: "
                "trial.alarm-address, trial.certificate-arn, trial.live.release-role-arn, trial.release-account; "
                "the nearest is trial.alarm-address"
            ),
        ),
        (
            "[trial]\nrelease-account = 123456789012\n",
            "account.toml:2: trial.release-account: got '123456789012', expected an account of twelve digits, in quotes",
        ),
        (
            '[trial]\ncertificate-arn = "arn:aws:iam::123456789012:role/x"\n',
            (
                "account.toml:2: trial.certificate-arn: got 'arn:aws:iam::123456789012:role/x', expected the ARN of a "
                "certificate of ACM, arn:aws:acm:REGION:ACCOUNT:certificate/…"
            ),
        ),
        (
            '[trail]\nalarm-address = "a@b.example"\n',
            "account.toml:1: table: got 'trail', expected an environment, one of forge, trial; the nearest is trial",
        ),
        (
            'alarm-address = "a@b.example"\n',
            "account.toml:1: alarm-address: got 'a@b.example', expected a table such as [dev] before it",
        ),
    ],
)
def test_slip_is_one_line_with_its_place(tmp_path: Path, text: str, line: str) -> None:
    """File, line, field, value, expectation, and the nearest name."""
    assert wrong(written(tmp_path, text)) == [line]


def test_file_that_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    """A forgotten quote is found without a stack trace."""
    with pytest.raises(WrongValue, match=r"^account.toml:2: got 'alarm-address = a@b.example', expected TOML; "):
        written(tmp_path, "[trial]\nalarm-address = a@b.example\n")


def test_value_is_added_beside_what_is_there(tmp_path: Path) -> None:
    """An answer at the prompt keeps the comments, takes the place of an empty text, and makes a table that is missing."""
    file = written(tmp_path, '# mine\n[trial]\n# mail\nalarm-address = ""\n')
    file = file.with_value("trial", "/whisper/trial/alarm-address", "a@b.example")
    file = file.with_value("trial", "/whisper/trial/release-account", "123456789012")
    file = file.with_value("forge", "/whisper/forge/alarm-address", "c@d.example")
    assert file.text == (
        '# mine\n[trial]\nrelease-account = "123456789012"\n# mail\nalarm-address = "a@b.example"\n\n'
        '[forge]\nalarm-address = "c@d.example"\n'
    )
    assert AccountFile.read(file.path) == file


def test_example_is_a_right_file_with_a_place_for_every_value(tmp_path: Path) -> None:
    """A copy of it has no extra names, and each value only needs its text."""
    file = written(tmp_path, example({"forge": [], "trial": EXPECTED}))
    assert not wrong(file)
    for path in EXPECTED:
        assert f'{path.rpartition("/")[2]} = ""' in file.text
    assert "# [trial.live]\n" in file.text


@pytest.mark.parametrize(
    ("name", "right", "slip"),
    [
        ("alarm-address", "a.b+c@d.example", "a b@c.example"),
        (
            "certificate-arn",
            "arn:aws:acm:eu-west-1:123456789012:certificate/0-1",
            "arn:aws:acm:eu-west-1:1:certificate/0",
        ),
        ("hosted-zone-id", "Z0123456789ABC", "/hostedzone/Z0123456789ABC"),
        ("hosted-zone-name", "corp.example.com", "https://example.com"),
        (
            "source-connection-arn",
            "arn:aws:codeconnections:eu-west-1:123456789012:connection/01234567-89ab-cdef-0123-456789abcdef",
            "arn:aws:codeconnections:eu-west-1:123456789012:host/01234567-89ab-cdef-0123-456789abcdef",
        ),
        ("source-repository", "owner/group/name", "https://example.com/owner/name"),
        ("release-account", "123456789012", "1234-5678-9012"),
        ("analyst-principal-arn", ROLE, "arn:aws:sts::123456789012:assumed-role/Admin/me"),
        ("release-role-arn", ROLE, "arn:aws:iam::123456789012:user/me"),
        ("something-else", "any text", " padded"),
    ],
)
def test_each_value_has_its_form(name: str, right: str, slip: str) -> None:
    """A value that was pasted from the wrong place is found before a deploy fails half-way."""
    assert shape(name).fits(right)
    assert not shape(name).fits(slip)
    assert (shape(name) is ANYTHING) == (name == "something-else")


def test_every_form_says_what_to_type() -> None:
    """A person is asked by name, with where to find the answer."""
    for form in SHAPES.values():
        assert len(form.purpose) > 20
        assert not form.purpose.endswith(".")
