"""The environments: the file that a team edits.

Deploy one with `cdk deploy '<name>/*'`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import RemovalPolicy

from mme.errors import MmeError
from mme_cdk import Processor, ServingImage
from mme_cdk.monitoring import RUNBOOK, AlarmThresholds


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Settings of one environment.

    Attributes:
        name: Stage id, and part of the names of stacks and endpoint.
        image: Serving image.
        instance_type: A CPU type, or a single-GPU type with the Triton image.
        instance_count: Instances that the endpoint starts with.
        min_instances: Fewest instances, at least 1.
        max_instances: Most instances.
        peak_requests_per_second: What one instance can serve; the endpoint scales at half of it.
        account: 12-digit AWS account. Default: that of the deploying credentials.
        region: AWS region. Default: that of the deploying credentials.
        models_prefix: Key prefix of the models; ends in `/`.
        removal_policy: What happens to the models when the stack is deleted.
        access_logs: Whether the bucket writes access logs.
        customer_managed_key: Whether a KMS key of this account encrypts newly published models, instead of
            S3's. It is rotated each year. Do not turn it off again: it also decrypts them.
        network_isolation: Whether containers have neither network nor credentials, so that models that are
            code can't call other services. SageMaker still downloads the models.
        termination_protection: Whether CloudFormation refuses to delete the stacks.
        container_environment: Variables of the serving container.
        alarm_thresholds: Thresholds of the alarms. Default: those in `docs/runbook.md`.
        alarm_emails: Addresses for alarms; each confirms once by mail.
        runbook_url: Runbook that alarm descriptions link to.
        asynchronous: Whether the endpoint has a queue for asynchronous requests (docs/asynchronous.md).
        tags: Tags of every resource.
        next_instance_type: The type to change to. AWS does not change the type of a scaled endpoint: add this
            and deploy, which removes the scaling; then set `instance_type` to it and deploy, which changes
            the type and scales again (docs/changing-instance-type.md).

    Raises:
        MmeError: A name, an account or an address that is not valid. The constructs check the rest.
    """

    name: str
    image: ServingImage
    instance_type: str
    instance_count: int
    min_instances: int
    max_instances: int
    peak_requests_per_second: float
    account: str | None = None
    region: str | None = None
    models_prefix: str = "models/"
    removal_policy: RemovalPolicy = RemovalPolicy.RETAIN
    access_logs: bool = True
    customer_managed_key: bool = False
    network_isolation: bool = False
    termination_protection: bool = False
    container_environment: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    next_instance_type: str | None = None
    alarm_thresholds: AlarmThresholds | None = None
    alarm_emails: tuple[str, ...] = ()
    runbook_url: str = RUNBOOK
    asynchronous: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", self.name):
            raise MmeError(
                f"environment name {self.name!r} is not valid; stacks and endpoints are named after it",
                hint="use at most 31 lower-case letters, digits and hyphens, starting with a letter",
            )
        if self.account is not None and not re.fullmatch(r"\d{12}", self.account):
            raise MmeError(
                f"account {self.account!r} of environment {self.name} is not valid; "
                "an AWS account has 12 digits",
                hint="write all 12 in quotes, or leave account out for that of the credentials",
            )
        for address in self.alarm_emails:
            if not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
                raise MmeError(
                    f"{address!r} in alarm_emails of environment {self.name} is not an e-mail address",
                    hint="write addresses such as oncall@example.com",
                )


ENVIRONMENTS: tuple[Environment, ...] = (
    # On a laptop: embedded AWS, which has one account, and real Triton on the CPU.
    Environment(
        name="local",
        account="123456789012",
        region="us-east-1",
        image=ServingImage.triton("26.05", processor=Processor.CPU),
        instance_type="ml.m5.xlarge",
        instance_count=1,
        min_instances=1,
        max_instances=2,
        peak_requests_per_second=20,
        removal_policy=RemovalPolicy.DESTROY,
        # A log bucket fills by itself, and CloudFormation does not delete buckets with objects.
        access_logs=False,
        tags={"environment": "local"},
    ),
    Environment(
        name="dev",
        image=ServingImage.triton("26.05", processor=Processor.CPU),
        instance_type="ml.m5.xlarge",
        instance_count=1,
        min_instances=1,
        max_instances=2,
        peak_requests_per_second=20,
        removal_policy=RemovalPolicy.DESTROY,
        tags={"environment": "dev"},
    ),
    Environment(
        name="staging",
        image=ServingImage.triton("26.05"),
        instance_type="ml.g5.xlarge",
        instance_count=2,
        min_instances=2,
        max_instances=4,
        peak_requests_per_second=50,
        customer_managed_key=True,
        network_isolation=True,
        tags={"environment": "staging"},
    ),
    Environment(
        name="prod",
        image=ServingImage.triton("26.05"),
        instance_type="ml.g5.2xlarge",
        instance_count=2,
        min_instances=2,
        max_instances=8,
        peak_requests_per_second=50,
        termination_protection=True,
        customer_managed_key=True,
        network_isolation=True,
        tags={"environment": "prod"},
    ),
)


def selected(
    name: str | None, environments: tuple[Environment, ...] = ENVIRONMENTS
) -> tuple[Environment, ...]:
    """Return the environment of a name, or all of them.

    Args:
        name: Default: all.
        environments: Default: those of this file.

    Raises:
        MmeError: No environment has that name.
    """
    if name is None:
        return environments
    found = tuple(environment for environment in environments if environment.name == name)
    if not found:
        names = ", ".join(environment.name for environment in environments)
        raise MmeError(f"environment {name!r} does not exist", hint=f"choose one of {names}")
    return found
