"""Every change of one setting of an environment: deployed over the old one, or refused at synth.

Each field of `Environment` has an entry here, with the values to change it to and what becomes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import RemovalPolicy

from mme.errors import MmeError
from mme_cdk import PropsError, ServingImage
from mme_cdk.monitoring import AlarmThresholds
from mme_local import aws as embedded_aws
from stacks.environments import ENVIRONMENTS, Environment
from tests.stacks.deployment import Place, synthesize

BY_NAME = {environment.name: environment for environment in ENVIRONMENTS}


@dataclass(frozen=True)
class Change:
    """A value of a field.

    Attributes:
        to: The value, or a function of the environment.
        refused: Text of the error at synth; empty if it synthesizes.
        fails: Text of the reason for which CloudFormation rolls the update back, or a function of the
            environment; empty if the update succeeds.
    """

    to: Any
    refused: str = ""
    fails: Any = ""

    def value(self, environment: Environment) -> Any:
        return self.to(environment) if callable(self.to) else self.to

    def failure(self, environment: Environment) -> str:
        return str(self.fails(environment) if callable(self.fails) else self.fails)


def other_type(environment: Environment) -> str:
    return "ml.g5.4xlarge" if ".g5." in environment.instance_type else "ml.m5.2xlarge"


def _toggled(field: str) -> Change:
    return Change(lambda environment: not getattr(environment, field))


CHANGES: dict[str, tuple[Change, ...]] = {
    "name": (Change("other"), Change("My_Env", refused="use at most 31 lower-case")),
    "image": (Change(lambda e: ServingImage.triton("25.04", processor=e.image.traits.processor)),),
    "instance_type": (
        Change(other_type, fails="must be deregistered as scalable target"),
        Change("ml.m5.huge", refused="ml.m5.huge is not a SageMaker hosting instance type"),
    ),
    "next_instance_type": (Change(other_type), Change("ml.m5.huge", refused="ml.m5.huge is not a SageMaker")),
    "instance_count": (
        Change(lambda e: e.instance_count + 1),
        Change(0, refused="initial_instance_count is 0; must be at least 1"),
        Change(99, refused="initial_instance_count 99 is above max_capacity"),
    ),
    "min_instances": (
        Change(lambda e: e.max_instances),
        Change(99, refused="min_capacity 99 is above max_capacity"),
    ),
    "max_instances": (Change(9), Change(0, refused="is above max_capacity 0")),
    "peak_requests_per_second": (
        Change(33.3),
        Change(0, refused="max_requests_per_second is 0; must be above 0"),
    ),
    "account": (Change("210987654321"), Change("123", refused="an AWS account has 12 digits")),
    "region": (Change("eu-west-1"), Change("us-gov-west-1", refused="image in us-gov-west-1")),
    "models_prefix": (Change("tenant/models/"), Change("models", refused="no trailing slash: use models/")),
    "removal_policy": (
        Change(
            lambda e: (
                RemovalPolicy.RETAIN if e.removal_policy is RemovalPolicy.DESTROY else RemovalPolicy.DESTROY
            )
        ),
    ),
    "access_logs": (_toggled("access_logs"),),
    "customer_managed_key": (
        Change(
            lambda e: not e.customer_managed_key,
            # Its documentation says so: the serving stack uses the key.
            fails=lambda e: f"in use by mme-{e.name}-serving" if e.customer_managed_key else "",
        ),
    ),
    "network_isolation": (_toggled("network_isolation"),),
    "termination_protection": (_toggled("termination_protection"),),
    "container_environment": (
        Change({"OMP_NUM_THREADS": "1"}),
        Change({"1st": "x"}, refused="environment variable '1st' is not a valid name"),
    ),
    "tags": (
        Change(lambda e: {**e.tags, "CostCenter": "42"}),
        Change({"environment": "changed"}),
        Change({}),
    ),
    "alarm_thresholds": (
        Change(AlarmThresholds(cpu_percent={"high": 50})),
        Change(AlarmThresholds(cpu_percent={"high": 120}), refused="cpu_percent of severity high is 120 %"),
    ),
    "alarm_emails": (
        Change(("on-call@example.com",)),
        Change(("me",), refused="'me' in alarm_emails"),
    ),
    "runbook_url": (Change("https://wiki.example.com/runbook"),),
    "asynchronous": (_toggled("asynchronous"),),
}
ELSEWHERE = {"name", "account", "region"}
"""Changes that make another deployment next to the old one."""


def test_every_setting_has_a_change() -> None:
    assert list(CHANGES.keys() ^ {one.name for one in fields(Environment)}) == []
    for field, changes in CHANGES.items():
        assert any(not one.refused for one in changes), f"{field} has no value that is deployed"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The cloud assembly of an environment as it is, synthesized once."""
    return cache(lambda name: synthesize(BY_NAME[name], tmp_path_factory.mktemp(name)))


@pytest.fixture
def _empty_aws() -> Iterator[None]:
    embedded_aws.reset()
    yield
    embedded_aws.reset()


def change(before: Environment, assembly: Path, field: str, one: Change, folder: Path) -> None:
    """Deploy, publish, invoke, change, invoke, destroy."""
    if one.refused:
        with pytest.raises((MmeError, PropsError)) as refused:
            synthesize(replace(before, **{field: one.value(before)}), folder / "refused")
        assert one.refused in str(refused.value)
        return
    place = Place(before.account, before.region)
    assert place.deploy(assembly) == ""
    place.publish(before.name)
    assert place.invoke(before.name, folder) == "add_sub_v0.tar.gz:x"
    after = replace(before, **{field: one.value(before)})
    assert after != before

    there = Place(after.account, after.region)
    reason = there.deploy(synthesize(after, folder / "after"))

    failure = one.failure(before)
    assert failure in reason if failure else reason == ""
    if not failure:
        there.publish(after.name)
        assert there.tagged(after.name) == after.tags
    assert place.invoke(before.name, folder) == "add_sub_v0.tar.gz:x"
    assert (place.account != there.account) or there.invoke(after.name, folder) == "add_sub_v0.tar.gz:x"
    place.destroy(before.name)
    if field in ELSEWHERE:
        there.destroy(after.name)
    for each in (place, there):
        assert each.stacks() == {}
        assert each.client("sagemaker").list_endpoints()["Endpoints"] == []


@pytest.mark.nightly
@pytest.mark.usefixtures("_empty_aws")
@pytest.mark.parametrize("field", CHANGES)
@pytest.mark.parametrize("name", BY_NAME)
def test_a_change(name: str, field: str, base: Callable[[str], Path], tmp_path: Path) -> None:
    for number, one in enumerate(CHANGES[field]):
        folder = tmp_path / str(number)
        folder.mkdir()
        change(BY_NAME[name], base(name), field, one, folder)
        embedded_aws.reset()


@pytest.mark.slow
@pytest.mark.usefixtures("_empty_aws")
def test_a_new_tag_of_dev(base: Callable[[str], Path], tmp_path: Path) -> None:
    change(BY_NAME["dev"], base("dev"), "tags", CHANGES["tags"][0], tmp_path)
