"""Every stack in the emulator, without the resources that the emulator refuses."""

from collections.abc import Mapping
from pathlib import Path

from local import emulator
from stacks.environments import emulated
from tests.emulated import create_stack, session
from tests.stacks.synthesis import STACKS, Template


def test_every_stack_is_created_in_the_order_of_a_deploy(tmp_path: Path, templates: Mapping[str, Template]) -> None:
    """CloudFormation accepts each template, and every export that a stack imports exists by then."""
    local = emulated()
    own = {
        name.partition("/")[2]: template for name, template in templates.items() if name.startswith(f"{local.name}/")
    }
    assert set(own) == set(STACKS)
    try:
        running = emulator.start(tmp_path)
        for name, template in own.items():
            create_stack(
                session(running, region=local.region),
                running.url,
                name=local.stack_name(name),
                template=template.body,
            )
    finally:
        emulator.stop(tmp_path)
