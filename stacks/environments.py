"""The environments: this is the file a team edits.

Each one is deployed by `cdk deploy '<name>/*'`. Account and region are left out where the credentials that
deploy decide them.
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
    """One environment's decisions.

    Attributes:
        name: stage id, and part of every stack's and endpoint's name.
        image: the serving image.
        instance_type: a CPU type, or a single-GPU type with the Triton image.
        instance_count: instances that the endpoint starts with.
        min_instances: fewest instances, at least 1.
        max_instances: most instances.
        peak_requests_per_second: what one instance bears; the endpoint scales at half of it.
        account: 12-digit AWS account. Default: that of the deploying credentials.
        region: AWS region. Default: that of the deploying credentials.
        models_prefix: key prefix of the models, ends in `/`.
        removal_policy: what becomes of the models when the stack is deleted.
        access_logs: whether the bucket's access is logged.
        customer_managed_key: whether a KMS key of the account's own encrypts the models, instead of S3's; it
            is rotated each year, and encrypts what is published from then on. Once on, leave it on: it
            also decrypts them.
        network_isolation: whether the containers are without any network and credentials: models that are
            code can call nothing. SageMaker still downloads the models.
        termination_protection: whether CloudFormation refuses to delete the stacks.
        container_environment: variables of the serving container.
        alarm_thresholds: from which figures on alarms go off. Default: `docs/runbook.md` has them.
        alarm_emails: who is told when an alarm goes off or is over; each address confirms once, by mail.
        runbook_url: where the team reads the runbook, for the links in the alarms' descriptions.
        asynchronous: whether the endpoint has a queue for asynchronous requests (docs/asynchronous.md).
        tags: put on every resource.
        next_instance_type: the instance type to come. AWS changes the type of no scaled endpoint: add this
            and deploy, which takes the scaling away; then set `instance_type` to it and deploy, which changes
            the type and scales again. `mme endpoint preflight` says when.

    Raises:
        MmeError: a name or an account that AWS would not take. The rest is checked by the constructs.
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
                f"environment name {self.name!r} is not valid: use at most 31 lower-case letters, digits and "
                "hyphens, a letter first"
            )
        if self.account is not None and not re.fullmatch(r"\d{12}", self.account):
            raise MmeError(
                f"account {self.account!r} of environment {self.name} is not valid: "
                "an AWS account has 12 digits"
            )
        for address in self.alarm_emails:
            if not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
                raise MmeError(f"{address!r} in alarm_emails of environment {self.name} is no e-mail address")


ENVIRONMENTS: tuple[Environment, ...] = (
    # Runs on a laptop: embedded AWS, which knows one account, and real Triton on the CPU.
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
        # A log bucket fills by itself, and a bucket with objects in it cannot be deleted again.
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
    """The environment of this name alone, or every one where no name is given.

    Raises:
        MmeError: no environment has that name.
    """
    if name is None:
        return environments
    found = tuple(environment for environment in environments if environment.name == name)
    if not found:
        names = ", ".join(environment.name for environment in environments)
        raise MmeError(f"environment {name!r} does not exist: choose one of {names}")
    return found
