"""The budget brake in the emulator's Step Functions, and the command that lifts it.

The emulator calls SSM and CloudWatch from a state machine, but neither Budgets nor Application Auto Scaling. So the amount is
read from an SSM parameter instead, and each limit is written to one: the steps, their order and every expression are those of
the template.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.model import StructureShape
from botocore.session import get_session

import stacks.environments.selection
from delivery.brake import main, refuse_stopped, told
from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused
from delivery.rollout import release
from local import emulator
from local.emulator import ACCOUNT
from stacks.capacity import Prices, tasks_for_deadline
from stacks.environments.backfill_costs import budget
from tests.emulated import create_stack, session
from tests.stacks.factory import GUARDED, LIVE, REGION
from tests.stacks.synthesis import Template

PARAMETER, SPENT, MACHINE = "/whisper/live/brake", "/test/spent", "brake"
AMOUNT = "Budget.CalculatedSpend.ActualSpend.Amount"
MONTH = f"{datetime.now(UTC):%Y-%m}"
FULL = GUARDED.plan.batch_max_tasks
DOLLARS = budget(GUARDED, Prices.read(GUARDED.region))


@pytest.fixture(scope="module")
def template(guarded: Mapping[str, Template]) -> Template:
    """The monitoring stack of production with a brake and a backfill."""
    return guarded["Monitoring"]


def definition(template: Template) -> dict[str, Any]:
    """The steps, with a word for each value that CloudFormation fills in."""
    text = template.only("AWS::StepFunctions::StateMachine")["DefinitionString"]
    parts = text["Fn::Join"][1]
    words = [part if isinstance(part, str) else _word(part) for part in parts]
    found: dict[str, Any] = json.loads("".join(words))
    return found


def _word(reference: Mapping[str, Any]) -> str:
    return {"AWS::Partition": "aws", "AWS::AccountId": ACCOUNT}.get(str(reference.get("Ref")), _name(reference))


def _name(reference: Mapping[str, Any]) -> str:
    """A reference as a word, which tells the resource."""
    return json.dumps(reference).replace('"', "").replace(" ", "").strip("{}[]")


@dataclass
class Cloud:
    """The emulator with the machine."""

    ssm: Any
    states: Any
    cloudwatch: Any
    machine: str
    environ: Mapping[str, str]

    def spend(self, dollars: float) -> None:
        """Let the month have cost so much."""
        self.ssm.put_parameter(Name=SPENT, Value=f"{dollars:.2f}", Type="String", Overwrite=True)

    def run(self, *, lift: bool = False) -> dict[str, Any]:
        """Run the machine once; its output."""
        started = self.states.start_execution(stateMachineArn=self.machine, input=json.dumps({"lift": lift}))
        for _ in range(100):
            found = self.states.describe_execution(executionArn=started["executionArn"])
            if found["status"] != "RUNNING":
                break
            time.sleep(0.05)
        assert found["status"] == "SUCCEEDED", found
        output: dict[str, Any] = json.loads(found["output"])
        return output

    def remember(self, state: str) -> None:
        """Set the state, as an earlier run did."""
        self.ssm.put_parameter(Name=PARAMETER, Value=state, Type="String", Overwrite=True)

    def limits(self) -> dict[str, int]:
        """The most tasks of each fleet that the last run has limited, by the stack of its service."""
        found = self.ssm.get_parameters_by_path(Path="/limit", Recursive=True)["Parameters"]
        return {p["Name"].rpartition("/")[2]: int(p["Value"]) for p in found}

    def forget_limits(self) -> None:
        """Begin again, as if nothing had been limited."""
        for name in self.limits():
            self.ssm.delete_parameter(Name=f"/limit/{name}")


def fleet(step: Mapping[str, Any]) -> str:
    """The stack of a braked service, by its reference."""
    return next(name for name in ("Backfill", "Relief", "Workers") if name in step["resource"])


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, template: Template) -> Iterator[Cloud]:
    """A machine whose calls to services that the emulator lacks go to SSM."""
    steps = definition(template)["States"]
    read, limit = steps["ReadBudget"], steps["Limit"]["ItemProcessor"]["States"]["LimitFleet"]
    read["Resource"], read["Arguments"] = "arn:aws:states:::aws-sdk:ssm:getParameter", {"Name": SPENT}
    assert AMOUNT in read["Assign"]["spent"]
    read["Assign"]["spent"] = read["Assign"]["spent"].replace(AMOUNT, "Parameter.Value")
    steps["Limit"]["Items"] = [{**item, "resource": fleet(item)} for item in steps["Limit"]["Items"]]
    amount = limit["Arguments"]["MaxCapacity"].removeprefix("{% ").removesuffix(" %}")
    resource = limit["Arguments"]["ResourceId"].removeprefix("{% ").removesuffix(" %}")
    limit["Resource"] = "arn:aws:states:::aws-sdk:ssm:putParameter"
    limit["Arguments"] = {
        "Name": f"{{% '/limit/' & {resource} %}}",
        "Value": f"{{% $string({amount}) %}}",
        "Type": "String",
        "Overwrite": True,
    }
    for step in (*steps.values(), limit):
        step.pop("Retry", None)
    folder = tmp_path_factory.mktemp("emulator")
    try:
        running = emulator.start(folder)
        own = session(running, region=REGION)
        clients = {name: own.client(name, endpoint_url=running.url) for name in ("ssm", "stepfunctions", "cloudwatch")}
        made = clients["stepfunctions"].create_state_machine(
            name=MACHINE,
            definition=json.dumps({**definition(template), "States": steps}),
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/brake",
        )
        # As the stack has it, for the command.
        nothing = {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}
        outputs = {"BrakeArn": {"Value": made["stateMachineArn"]}}
        create_stack(
            own, running.url, name="whisper-live-Monitoring", template={"Resources": nothing, "Outputs": outputs}
        )
        yield Cloud(
            ssm=clients["ssm"],
            states=clients["stepfunctions"],
            cloudwatch=clients["cloudwatch"],
            machine=made["stateMachineArn"],
            environ={**running.environ(), "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION},
        )
    finally:
        emulator.stop(folder)


@pytest.mark.parametrize(
    ("share", "before", "state", "limited"),
    [
        (0.5, "off", "off", False),
        (1.0, "off", "slowed", True),
        (1.2, "slowed", "slowed", True),
        (1.5, "slowed", "stopped", True),
        (0.1, "stopped", "off", True),
        (2.0, f"lifted {MONTH}", f"lifted {MONTH}", False),
        (2.0, "lifted 2020-01", "stopped", True),
    ],
    ids=str,
)
def test_cost_decides_the_limits(cloud: Cloud, share: float, before: str, state: str, *, limited: bool) -> None:
    """Each share of the budget has its state. A brake that is on limits at every run; a released fleet is left alone."""
    cloud.remember(before)
    cloud.forget_limits()
    cloud.spend(share * DOLLARS + 0.01)
    assert cloud.run()["state"] == state
    assert cloud.ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"] == state
    assert bool(cloud.limits()) is limited


def test_slowed_fleet_has_the_tasks_that_the_deadline_needs_and_a_backfill_none(cloud: Cloud) -> None:
    """Nothing of the week is late, and old recordings wait."""
    cloud.remember("off")
    cloud.forget_limits()
    cloud.spend(1.1 * DOLLARS)
    cloud.run()
    needed = tasks_for_deadline(
        workload=GUARDED.workload, plan=GUARDED.plan, max_audio_seconds=GUARDED.settings.max_audio_seconds
    )
    limits = cloud.limits()
    assert limits["Workers"] == needed < FULL
    assert limits["Backfill"] == 0


def test_deployment_does_not_lift_a_brake(cloud: Cloud) -> None:
    """CloudFormation may have raised the limits: the run after it lowers them again, without another state."""
    cloud.remember("stopped")
    cloud.forget_limits()
    cloud.spend(1.6 * DOLLARS)
    cloud.run()
    assert set(cloud.limits().values()) == {0}


def test_command_lifts_the_brake_until_the_month_ends(cloud: Cloud) -> None:
    """The fleets have their limits back at once, and the next runs leave them alone, whatever the month has cost."""
    cloud.remember("stopped")
    cloud.spend(3 * DOLLARS)
    assert cloud.run(lift=True)["state"] == f"lifted {MONTH}"
    assert cloud.limits()["Workers"] == FULL
    cloud.forget_limits()
    assert cloud.run()["state"] == f"lifted {MONTH}"
    assert not cloud.limits()


def test_alarm_sees_the_level(cloud: Cloud, template: Template) -> None:
    """The machine writes the metric that the alarm reads, with the same name and dimensions."""
    cloud.remember("off")
    cloud.spend(1.6 * DOLLARS)
    cloud.run()
    (alarm,) = (a for a in template.properties("AWS::CloudWatch::Alarm") if a.get("MetricName") == "Brake")
    read = cloud.cloudwatch.get_metric_statistics(
        Namespace=alarm["Namespace"],
        MetricName=alarm["MetricName"],
        Dimensions=alarm["Dimensions"],
        StartTime=datetime.fromtimestamp(time.time() - 3600, UTC),
        EndTime=datetime.fromtimestamp(time.time() + 60, UTC),
        Period=3600,
        Statistics=[alarm["Statistic"]],
    )
    assert max(point["Maximum"] for point in read["Datapoints"]) == 2


def test_definition_has_the_states_and_fields_of_step_functions(template: Template, tmp_path: Path) -> None:
    """cfn-lint knows them; a field that JSONata states do not have is found."""
    role = f"arn:aws:iam::{ACCOUNT}:role/brake"

    def lint(steps: Mapping[str, Any]) -> str:
        machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"RoleArn": role, "Definition": steps}}
        file = tmp_path / "machine.json"
        file.write_text(json.dumps({"Resources": {"Machine": machine}}))
        command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", REGION, "--", str(file)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    steps = definition(template)
    assert lint(steps) == ""
    steps["States"]["ReadState"]["Parameters"] = {}
    assert "Parameters" in lint(steps)


def test_calls_are_those_of_the_services(template: Template) -> None:
    """Each call that the emulator lacks has the parameters of the operation, and the amount is where the answer has it."""
    steps = definition(template)["States"]
    limit = steps["Limit"]["ItemProcessor"]["States"]["LimitFleet"]
    for step, service, operation in (
        (steps["ReadBudget"], "budgets", "DescribeBudget"),
        (limit, "application-autoscaling", "RegisterScalableTarget"),
    ):
        model = get_session().get_service_model(service).operation_model(operation)
        name = f"{service.replace('-', '')}:{operation[0].lower()}{operation[1:]}"
        assert step["Resource"] == f"arn:aws:states:::aws-sdk:{name}"
        assert isinstance(model.input_shape, StructureShape)
        assert set(step["Arguments"]) <= set(model.input_shape.members)
        assert set(model.input_shape.required_members) <= set(step["Arguments"])
    shape: Any = get_session().get_service_model("budgets").operation_model("DescribeBudget").output_shape
    for part in AMOUNT.split("."):
        shape = shape.members[part]
    assert shape.type_name == "string"


@pytest.mark.parametrize(
    ("state", "says"), [("slowed", "the tasks that the deadline needs"), ("lifted 2026-11", "until the end of 2026-11")]
)
def test_state_is_told_to_people(state: str, says: str) -> None:
    """The command's answer is a sentence."""
    assert says in told(state)


def test_environment_without_a_brake_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the value that is missing, before anything is asked of the account."""
    monkeypatch.setattr(stacks.environments.selection, "environments", lambda: (LIVE,))
    assert main(["lift", "live"], {}) == 1
    assert "live.brake: got None, expected BudgetBrake(…)" in capsys.readouterr().err


def test_release_is_refused_while_no_worker_could_prove_it(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A golden call would not come back, and the release would be rolled back for it half an hour later."""
    monkeypatch.setattr(stacks.environments.selection, "environments", lambda: (GUARDED,))
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)
    deployed = DeployedEnvironment.named("live", cloud.environ)
    cloud.remember("slowed")
    refuse_stopped(deployed)
    cloud.remember("stopped")
    with pytest.raises(Refused, match=r"^/whisper/live/brake: got stopped, expected another state, .*lift live\)$"):
        refuse_stopped(deployed)
    with pytest.raises(Refused, match="got stopped"):
        release(deployed, f"sha256:{'0' * 64}")
    cloud.ssm.delete_parameter(Name=PARAMETER)
    refuse_stopped(deployed)
    cloud.remember("off")


def test_command_finds_the_machine_by_the_output_of_its_stack(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person needs the environment's name, and nothing else."""
    monkeypatch.setattr(stacks.environments.selection, "environments", lambda: (GUARDED,))
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)
    cloud.remember("stopped")
    cloud.spend(3 * DOLLARS)
    assert main(["lift", "live"], cloud.environ) == 0
    assert main(["show", "live"], cloud.environ) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"live: lifted until the end of {MONTH}: the fleets have their limits"] * 2
