"""Whatever is wrong in the file of the values is one line: its place, environment, field, value and expectation."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import time
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import stacks.environments
from service.settings import Settings
from stacks.capacity import Speed, Workload
from stacks.environments import (
    AlarmPlan,
    ApiPlan,
    CommitPlan,
    Environment,
    InvalidEnvironment,
    NetworkPlan,
    OfficeHours,
    ReleasePlan,
    Tag,
    TaskSize,
    WatchPlan,
    WebAcl,
    Writer,
    environments,
    places,
)
from tests.checkout import checkout

VALUES = "stacks.environments.values"
# Each part of an environment by its name there, with the fields that it needs, as they are written.
PARTS: Mapping[str, tuple[type, Mapping[str, str]]] = {
    "": (Environment, {"name": '"qa"', "region": '"eu-west-1"', "spot_vcpus": "4096", "on_demand_vcpus": "512"}),
    "network": (NetworkPlan, {"cidr": '"10.1.0.0/20"'}),
    "workload": (
        Workload,
        {
            "agents": "5",
            "calls_per_agent_per_day": "40",
            "talk_minutes_per_call": "6",
            "days_per_batch": "1",
            "window_hours": "12",
        },
    ),
    "size": (TaskSize, {"cpu": "4096", "memory_mib": "8192"}),
    "settings": (Settings, {"job_deadline_seconds": "5400"}),
    "api": (ApiPlan, {}),
    "api.web_acl": (WebAcl, {"requests_per_minute": "600"}),
    "api.hours": (OfficeHours, {"time_zone": '"Europe/Paris"', "start": "time(7)", "end": "time(20)"}),
    "speed": (Speed, {"audio_seconds_per_second": "4", "cpu": "4096", "source": '"a test"', "measured": "True"}),
    "alarms": (AlarmPlan, {"endpoint": "True"}),
    "watch": (WatchPlan, {}),
    "writers": (Writer, {"principal": '"111122223333"'}),
    "extra_tags": (Tag, {"key": '"owner"', "value": '"voice"'}),
    "commits": (CommitPlan, {"branch": '"main"'}),
    "releases": (ReleasePlan, {"images_from": '"dev"'}),
}
# Of these an environment has any number.
SEVERAL = ("writers", "extra_tags")
NEEDED = ("network", "workload", "size", "settings")
# Values of other types, as they are written.
WRONG = {
    int: ('"7"', "2.5", "None", "True", "[1]"),
    float: ('"7"', "None", "True"),
    str: ("7", "None", '("a",)'),
    bool: ("1", '"yes"', "None"),
    time: ('"07:00"', "7", "None"),
    tuple: ('"ab"', '["a"]', "(7,)", "None"),
    Enum: ("7", "None", '"image"'),
    object: ('"text"', "7", "None"),
}
HEADER = """from datetime import time
from aws_cdk.aws_logs import RetentionDays
from service.settings import Settings
from stacks.capacity import Speed, Workload
from stacks.environments import *
"""


def wrong(kind: Any) -> Iterator[str]:
    """Values that a field of this type must not have."""
    if isinstance(kind, UnionType):
        inner = next(choice for choice in get_args(kind) if choice is not type(None))
        yield from (text for text in wrong(inner) if text != "None")
    else:
        origin = get_origin(kind) or kind
        first = next((known for known in WRONG if known is not object and issubclass(origin, known)), object)
        # A truth value is a whole number to Python, so that it comes first.
        yield from WRONG[bool if origin is bool else first]


def cases() -> Iterator[tuple[str, str, str]]:
    """Each field of each part with each wrong value: the part, the field, the value as it is written."""
    for part, (kind, _) in PARTS.items():
        kinds = get_type_hints(kind)
        for field in fields(kind):
            yield from ((part, field.name, text) for text in wrong(kinds[field.name]))


def written(part: str, field: str, text: str) -> str:
    """The file with one environment, in which a field of a part is written so; in a line of its own."""

    def call(name: str) -> str:
        kind, given = PARTS[name]
        lines = dict(given)
        for other in PARTS:
            above, _, last = other.rpartition(".")
            if other and above == name and (other in NEEDED or part == other or part.startswith(f"{other}.")):
                lines[last] = f"({call(other)},)" if other in SEVERAL else call(other)
        if name == part:
            lines[field] = text
        return f"{kind.__name__}(\n" + "".join(f"{key}={value},\n" for key, value in lines.items()) + ")"

    return f"{HEADER}\ndef environments():\n    return (\n{call('')},\n)\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of the values, in a folder of its own; a test writes it."""
    before = sys.modules.pop(VALUES, None)
    monkeypatch.setattr(stacks.environments, "__path__", [str(tmp_path), *stacks.environments.__path__])
    monkeypatch.setattr(places, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path / "values.py"
    sys.modules.pop(VALUES, None)
    if before:
        sys.modules[VALUES] = before


def refusal(file: Path, text: str) -> str:
    """What a program prints if the file has this text."""
    sys.modules.pop(VALUES, None)
    file.write_text(text)
    with pytest.raises(InvalidEnvironment) as refused:
        environments()
    return str(refused.value)


def test_file_without_a_wrong_value_is_read(file: Path) -> None:
    """Otherwise the tests below could see another error than theirs."""
    for part, (_, given) in PARTS.items():
        for field, text in list(given.items())[:1]:
            sys.modules.pop(VALUES, None)
            file.write_text(written(part, field, text))
            assert [environment.name for environment in environments()] == ["qa"]


@pytest.mark.parametrize("part", PARTS)
def test_value_of_another_type_is_refused_with_its_place(file: Path, part: str) -> None:
    """One line names file, line, environment, field, value and expectation, whatever the field and the value are."""
    checked = 0
    for _, field, text in (case for case in cases() if case[0] == part):
        source = written(part, field, text)
        (line,) = [number for number, row in enumerate(source.splitlines(), 1) if row == f"{field}={text},"]
        # An environment without a name has none to begin with.
        name = ".".join(filter(None, ("" if (part, field) == ("", "name") else "qa", part, field)))
        said = refusal(file, source)
        assert re.fullmatch(rf"values\.py:{line}: {re.escape(name)}: got ['\"].*['\"], expected .{{3,}}", said), said
        checked += 1
    assert checked >= len(fields(PARTS[part][0]))


@pytest.mark.parametrize("part", PARTS)
def test_misspelt_field_suggests_the_nearest(file: Path, part: str) -> None:
    """A letter is missing, or there is one too many."""
    kind = PARTS[part][0]
    names = [field.name for field in fields(kind)]
    for name in names:
        misspelt = name[:-1] if name[:-1] not in names else f"{name}x"
        said = refusal(file, written(part, misspelt, "1"))
        known = f"got '{misspelt}', expected a field of {kind.__name__}; the nearest is "
        assert re.match(r"values\.py:\d+: qa\.", said)
        assert known in said
        assert said.rpartition(" ")[2] in names
        assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "slip", "said"),
    [
        ("agents=5,\n", "", "qa.Workload: got 'nothing', expected agents, since it has no default"),
        (
            "NetworkPlan(",
            "NetworPlan(",
            "qa: got 'NetworPlan', expected a name that the file imports or sets; the nearest is NetworkPlan",
        ),
        ('cidr="10.1.0.0/20"', "cidr=Egress.NATS", "qa: got 'NATS', expected a name of Egress; the nearest is NAT"),
        (
            "import Speed, Workload",
            "import Speed, Worklode",
            "got 'Worklode', expected a name of stacks.capacity; the nearest is Workload",
        ),
        ("spot_vcpus=4096,", "spot_vcpus=4096", "got 'spot_vcpus=4096', expected Python; "),
        ("agents=5,", "agents=5 / 0,", "qa: got 'ZeroDivisionError', expected Python that runs; division by zero"),
        ('region="eu-west-1"', 'region="eu-west1"', "qa.region: got 'eu-west1', expected one of "),
        ("spot_vcpus=4096", "spot_vcpus=1", "qa.spot_vcpus: got '1', expected "),
        (
            "job_deadline_seconds=5400",
            "job_deadline_seconds=60, max_audio_seconds=86_400",
            "qa.settings.job_deadline_seconds: got '60', expected ",
        ),
        ("job_deadline_seconds=5400", "job_deadline_seconds=5", "qa.settings.job_deadline_seconds: got '5', expected "),
        (
            "job_deadline_seconds=5400",
            'model="smal"',
            "qa.settings.model: got 'smal', expected a folder such as /models/own, s3:",
        ),
        ("return (\n", "return [\n", "got "),
    ],
)
def test_slip_is_one_line(file: Path, text: str, slip: str, said: str) -> None:
    """Names are as in the file, and the last words are the nearest that is meant, if one is near."""
    source = written("network", "cidr", '"10.1.0.0/20"')
    assert text in source
    found = refusal(file, source.replace(text, slip))
    assert re.match(r"values\.py(:\d+)?: ", found), found
    assert said in found
    assert "\n" not in found


@pytest.mark.parametrize("value", ["()", "None", "1", "[1]", "Environment"])
def test_anything_but_environments_is_refused(file: Path, value: str) -> None:
    """A forgotten comma makes a tuple of one environment the environment itself."""
    said = refusal(file, f"{HEADER}\ndef environments():\n    return {value}\n")
    assert re.fullmatch(rf"{re.escape(VALUES)}\.environments\(\): got '\w+', expected .*environment.*", said), said


def test_defect_of_the_product_keeps_its_traceback(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no slip in the file, and a single line would hide where it is."""

    def defect(self: Workload) -> None:
        raise TypeError(self)

    monkeypatch.setattr(Workload, "__post_init__", defect)
    file.write_text(written("network", "cidr", '"10.1.0.0/20"'))
    with pytest.raises(TypeError):
        environments()


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a wrong value."""
    return checkout(tmp_path_factory.mktemp("wrong"), written("workload", "agents", "0"))


@pytest.mark.parametrize("program", [("app.py",), ("-m", "stacks"), ("-m", "tests.stacks")], ids=" ".join)
def test_programs_print_one_line_and_fail(fork: Path, program: tuple[str, ...]) -> None:
    """Neither a traceback nor a second line."""
    result = subprocess.run([sys.executable, *program], cwd=fork, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert re.fullmatch(
        r"stacks/environments/values\.py:\d+: qa\.workload\.agents: got '0', expected a whole number, 1 or more\n",
        result.stderr,
    )
    assert result.stdout == ""
