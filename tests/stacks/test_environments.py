from __future__ import annotations

from dataclasses import replace

import pytest

from mme.catalog.images import Processor
from mme.catalog.instances import instance_type
from mme.errors import MmeError
from stacks.environments import ENVIRONMENTS, selected

BY_NAME = {environment.name: environment for environment in ENVIRONMENTS}


def test_the_four_environments() -> None:
    assert list(BY_NAME) == ["local", "dev", "staging", "prod"]


@pytest.mark.parametrize(("name", "gpus", "instances"), [("dev", 0, 1), ("staging", 1, 2), ("prod", 1, 2)])
def test_hardware(name: str, gpus: int, instances: int) -> None:
    environment = BY_NAME[name]
    kind = instance_type(environment.instance_type)
    assert kind is not None
    assert kind.gpus == gpus
    assert environment.instance_count >= instances
    assert environment.min_instances >= instances
    assert environment.image.traits.processor is (Processor.GPU if gpus else Processor.CPU)


def test_only_local_has_a_fixed_account_and_region() -> None:
    places = {name: (environment.account, environment.region) for name, environment in BY_NAME.items()}
    assert places.pop("local") == ("123456789012", "us-east-1")
    assert set(places.values()) == {(None, None)}


def test_selection() -> None:
    assert selected(None) == ENVIRONMENTS
    assert [environment.name for environment in selected("dev")] == ["dev"]


def test_an_environment_that_does_not_exist() -> None:
    with pytest.raises(MmeError, match=r"^environment 'qa' does not exist\n.* local, dev, staging, prod$"):
        selected("qa")


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"account": "123"}, r"account '123' of environment dev is not valid; an AWS account has 12 digits"),
        ({"name": "My_Env"}, r"environment name 'My_Env' is not valid; .*\nuse at most 31 lower-case"),
        ({"name": "x" * 32}, r"is not valid"),
        ({"alarm_emails": ("me",)}, r"'me' in alarm_emails of environment dev is not an e-mail address"),
    ],
)
def test_settings_that_aws_would_not_take(settings: dict[str, str], fault: str) -> None:
    with pytest.raises(MmeError, match=fault):
        replace(BY_NAME["dev"], **settings)
