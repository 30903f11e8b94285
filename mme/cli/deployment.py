"""The deployment that the root command's flags select."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Final

from mme.errors import MmeError

if TYPE_CHECKING:
    import typer

    from mme.archives.endpoint_traits import EndpointTraits
    from mme.aws.clients import AwsClients
    from mme.aws.settings import Settings
    from mme.client.asynchronous import AsyncLocations, AsyncQueue, DeadLetters
    from mme.client.multi_model_client import MultiModelClient
    from mme.operate.discovery import Deployment
    from mme.registry.aliases import AliasStore
    from mme.registry.model_store import ModelStore

# Neither `mme --env ...`, which has flags already, nor `mme local`, which takes none.
_COMMAND: Final = re.compile(r"(?<![\w-])mme(?= (?:advise|async|bench|cost|endpoint|invoke|models|plan)\b)")

_PLACES: Final = ("env", "stack", "endpoint_name", "bucket", "prefix")
"""Flags that name a deployment."""


class Target:
    """A deployment, looked up once and only when a command needs it.

    Args:
        role_arn: A role to assume first, for a deployment of another account.
        flags: Flags of the root command, by the names of `Settings`.
    """

    def __init__(self, *, role_arn: str | None = None, **flags: str | None) -> None:
        self._flags = flags
        self._role_arn = role_arn

    def other(self, *, role_arn: str | None = None, **flags: str | None) -> Target:
        """Return another deployment: the same flags except those that name this one, and those given here.

        Args:
            role_arn: As in the class.
            flags: As in the class.
        """
        shared = {name: value for name, value in self._flags.items() if name not in _PLACES}
        given = {name: value for name, value in flags.items() if value is not None}
        return Target(role_arn=role_arn, **shared | given)

    @cached_property
    def settings(self) -> Settings:
        """Flags, then variables, then defaults.

        Raises:
            MmeError: A value is invalid, or two flags name the deployment.
        """
        from mme.aws.settings import Settings

        if self._flags.get("stack") and self._flags.get("endpoint_name"):
            raise MmeError("--stack and --endpoint-name both name the deployment", hint="give one of them")
        return Settings.load(**self._flags)

    @property
    def command(self) -> str:
        """`mme` with the flags that were given: how a suggested command begins."""
        import shlex

        from mme.console import hide_passwords

        given = [(name.replace("_", "-"), value) for name, value in self._flags.items() if value]
        words = shlex.join(["mme", *(part for name, value in given for part in (f"--{name}", value))])
        return hide_passwords(words)

    def in_full(self, hint: str) -> str:
        """Add the flags that were given to the `mme` commands of a hint."""
        return _COMMAND.sub(lambda _: self.command, hint)

    @cached_property
    def clients(self) -> AwsClients:
        """boto3 clients for the deployment's account and region."""
        from mme.aws.clients import AwsClients, assume_role, open_session

        session = open_session(self.settings)
        if self._role_arn is not None:
            session = assume_role(session, self.settings, self._role_arn)
        return AwsClients(session, self.settings)

    @cached_property
    def deployment(self) -> Deployment:
        """Endpoint, bucket and prefix: of the named endpoint, or read from the outputs of the stack."""
        from mme.operate.discovery import discover, discover_endpoint, explain_discovery_error

        if self.settings.endpoint_name or self.settings.bucket or self.settings.prefix:
            return discover_endpoint(self.clients.sagemaker, self.settings)
        environment = None if self.settings.stack else self.settings.env
        try:
            client = self.clients.cloudformation
        except Exception as error:  # such as a missing region
            explained = explain_discovery_error(error, environment)
            if explained is None:
                raise
            raise explained from error
        return discover(client, self.settings.stack_name, environment)

    def endpoint_traits(self) -> EndpointTraits | None:
        """Return what the endpoint runs on; None if there is none, or the caller may not read it."""
        from botocore.exceptions import ClientError

        from mme.archives.endpoint_traits import EndpointTraits
        from mme.operate.endpoint_state import container_facts, find_endpoint

        try:
            endpoint = find_endpoint(self.clients.sagemaker, self.deployment.endpoint_name)
            if endpoint is None:
                return None
            facts = container_facts(endpoint)
            return EndpointTraits.of(
                facts["processor"], facts["instance_type"], facts["image_version"], facts["framework"]
            )
        except (ClientError, MmeError):  # no right to read it, or a type newer than the catalog
            return None

    def store(self) -> ModelStore:
        """Return its model store."""
        from mme.registry.model_store import ModelStore

        return ModelStore(self.clients.s3, self.deployment.bucket, self.deployment.prefix)

    def target_model(self, asked: str) -> str:
        """Return the TargetModel that an archive, an alias or a bare name means, the same in every command.

        A bare name means its newest version. It stays as it is if nothing has that name, or if the caller may
        not list the bucket: callers that may invoke need no right to.

        Raises:
            MmeError: No such alias.
        """
        from mme.registry.names import SUFFIX, is_alias

        if is_alias(asked):
            return self.aliases().resolve(asked)
        with suppress(MmeError):
            if not asked.endswith(SUFFIX) and (versions := self.store().versions(asked)):
                return versions[-1].target_model
        return asked

    def aliases(self) -> AliasStore:
        """Return its aliases."""
        from mme.registry.aliases import AliasStore

        return AliasStore(self.clients.s3, self.deployment.bucket, self.deployment.prefix)

    def queue(self) -> AsyncQueue:
        """Return its queue for asynchronous requests.

        Raises:
            MmeError: The deployment has none.
        """
        from mme.client.asynchronous import AsyncQueue

        return AsyncQueue(self._async_locations(), self.clients.s3, self.clients.sqs)

    def dead_letters(self) -> DeadLetters:
        """Return its dead-letter queue.

        Raises:
            MmeError: The deployment has none.
        """
        from mme.client.asynchronous import DeadLetters

        return DeadLetters(self._async_locations(), self.clients.sqs)

    def _async_locations(self) -> AsyncLocations:
        from mme.client.asynchronous import AsyncLocations

        if not self.deployment.stack:
            raise MmeError(
                "the queue for asynchronous requests is found by its stack, and none is named",
                hint="name the serving stack with --stack instead of --endpoint-name",
            )
        return AsyncLocations.from_outputs(self.deployment.outputs, self.deployment.stack)

    def client(self) -> MultiModelClient:
        """Return a client of its endpoint for target models; it reports long loads on standard error."""
        from mme.client.multi_model_client import MultiModelClient
        from mme.console import print_note

        return MultiModelClient(
            self.deployment.endpoint_name,
            self.clients.runtime,
            on_wait=lambda model, seconds: print_note(
                "waiting", f"{model} is still loading ({seconds:.0f} s)"
            ),
        )


def target_of(context: typer.Context) -> Target:
    """Return the target that the root command stored in its context."""
    found = context.find_object(Target)
    return found if found is not None else Target()
