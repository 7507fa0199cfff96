"""What the shipped values promise each other. This folder is a fork's: change it with `stacks/environments/values.py`."""

from collections.abc import Mapping

from delivery.quotas import Need
from stacks.environments import environments
from tests.stacks.synthesis import Template

DEV, STAGE, PROD, SOLO = environments()


def test_image_goes_from_dev_through_stage_to_prod() -> None:
    """Dev builds it, stage measures it, and prod gets it after an approval."""
    assert (DEV.name, STAGE.name, PROD.name) == ("dev", "stage", "prod")
    assert [environment.images_from for environment in (DEV, STAGE, PROD)] == ["", "dev", "stage"]


def test_prod_alone_is_production_and_serves_without_a_gap() -> None:
    """Its API outlives a zone, and its workers find Spot capacity in three."""
    assert [environment.production for environment in (DEV, STAGE, PROD)] == [False, False, True]
    assert PROD.api.min_tasks >= 2
    assert len(PROD.network.zones) >= 3


def test_stage_is_as_prod_in_all_that_is_deployed(templates: Mapping[str, Template]) -> None:
    """A release is tried with the resources that run in prod."""
    pairs = [
        (templates[f"stage/{name.partition('/')[2]}"], template)
        for name, template in templates.items()
        if name.startswith("prod/") and not name.endswith("/Delivery")
    ]
    assert len(pairs) > 7
    assert all(stage.kinds() == prod.kinds() for stage, prod in pairs)


def test_dev_saves_tls_and_the_gateway_and_sleeps_at_night() -> None:
    """A team's environment costs as little as possible."""
    assert (DEV.tls, str(DEV.network.egress)) == (False, "public-egress")
    assert DEV.api.hours is not None


def test_solo_needs_one_value_of_the_account(templates: Mapping[str, Template]) -> None:
    """One person with a new account gives a mail address, and neither roles, nor a domain, nor a repository."""
    own = [template for name, template in templates.items() if name.startswith("solo/")]
    given = {p["Default"] for template in own for p in template.body.get("Parameters", {}).values() if "Default" in p}
    made = {properties["Name"] for template in own for properties in template.properties("AWS::SSM::Parameter")}
    assert {name for name in given - made if name.startswith("/whisper/")} == {"/whisper/solo/alarm-address"}


def test_solo_fits_the_quotas_of_a_new_account() -> None:
    """A new account has 6 vCPU on demand and 6 on Spot, and a request for more takes days."""
    need = Need.of(SOLO)
    assert max(need.spot, need.on_demand) <= 6
    assert (SOLO.spot_vcpus, SOLO.on_demand_vcpus) == (6, 6)
