"""What a command works on: the deployment that the root command's flags name."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import boto3
    import typer
    from mypy_boto3_s3 import S3Client

    from mme.aws.clients import AwsClients
    from mme.aws.settings import Settings
    from mme.client import MultiModelClient
    from mme.client.asynchronous import AsyncQueue, DeadLetters
    from mme.operate.discovery import Deployment
    from mme.registry import ModelStore
    from mme.registry.aliases import AliasStore

# Not `mme --env ...`, which has its flags, nor `mme local`, which takes none.
_OWN_COMMAND: Final = re.compile(r"(?<![\w-])mme(?= (?:async|endpoint|invoke|models)\b)")


class Target:
    """The deployment, looked up once and only when a command asks for it.

    Args:
        role_arn: a role to take on first, for a deployment of another account.
        flags: of the root command, by the names of `Settings`.
    """

    def __init__(self, *, role_arn: str | None = None, **flags: str | None) -> None:
        self._flags = flags
        self._role_arn = role_arn

    def other(self, *, role_arn: str | None = None, **flags: str | None) -> Target:
        """Another deployment, reached as this one is where no flag says otherwise.

        The stack is the other environment's own, unless it is named.
        """
        own = {name: value for name, value in self._flags.items() if name not in ("env", "stack")}
        given = {name: value for name, value in flags.items() if value is not None}
        return Target(role_arn=role_arn, **own | given)

    @cached_property
    def settings(self) -> Settings:
        """Flags over variables over defaults."""
        from mme.aws.settings import Settings

        return Settings.load(**self._flags)

    @property
    def command(self) -> str:
        """`mme` with the flags that were given to it: how the next command begins."""
        import shlex

        given = [(name.replace("_", "-"), value) for name, value in self._flags.items() if value]
        return shlex.join(["mme", *(part for name, value in given for part in (f"--{name}", value))])

    def in_full(self, hint: str) -> str:
        """A hint whose commands are about this deployment: with the flags that were given to this one.

        The libraries name commands without them, since they know of no command line.
        """
        return _OWN_COMMAND.sub(lambda _: self.command, hint)

    @cached_property
    def deployment(self) -> Deployment:
        """Endpoint, bucket and prefix, from the stack's outputs."""
        from mme.aws.session import cloudformation_client
        from mme.operate.discovery import discover

        settings = self.settings
        client = cloudformation_client(self._session, settings)
        return discover(client, settings.stack_name, None if settings.stack else settings.env)

    @cached_property
    def clients(self) -> AwsClients:
        """The clients that operating it takes."""
        from mme.aws.clients import AwsClients

        return AwsClients(self._session, self.settings)

    def s3(self) -> S3Client:
        """S3, wherever the deployment is; nothing is looked up."""
        from mme.aws.session import s3_client

        return s3_client(self._session, self.settings)

    def store(self) -> ModelStore:
        """Its models."""
        from mme.registry.model_store import ModelStore

        found = self.deployment
        return ModelStore(self.s3(), found.bucket, found.prefix)

    def aliases(self) -> AliasStore:
        """Its aliases."""
        from mme.registry.aliases import AliasStore

        found = self.deployment
        return AliasStore(self.s3(), found.bucket, found.prefix)

    def queue(self) -> AsyncQueue:
        """Its queue for asynchronous requests; MmeError where it has none."""
        from mme.client.asynchronous import AsyncLocations, AsyncQueue

        found = self.deployment
        return AsyncQueue(
            AsyncLocations.from_outputs(found.outputs, found.stack), self.s3(), self.clients.sqs
        )

    def dead_letters(self) -> DeadLetters:
        """The requests that its queue could not get answered; MmeError where it has none."""
        from mme.client.asynchronous import AsyncLocations, DeadLetters

        found = self.deployment
        return DeadLetters(AsyncLocations.from_outputs(found.outputs, found.stack), self.clients.sqs)

    def client(self) -> MultiModelClient:
        """Its endpoint."""
        from mme.client import MultiModelClient, runtime_client
        from mme.console import print_note
        from mme.registry.aliases import CachedAliases

        runtime = runtime_client(self._session, endpoint_url=self.settings.aws_url)
        return MultiModelClient(
            self.deployment.endpoint_name,
            runtime,
            on_wait=lambda model, seconds: print_note(
                "waiting", f"{model} is still loading ({seconds:.0f} s)"
            ),
            aliases=CachedAliases(self.aliases()),
        )

    @cached_property
    def _session(self) -> boto3.Session:
        from mme.aws.session import open_session

        session = open_session(self.settings)
        if self._role_arn is None:
            return session
        from mme.operate.assumed_role import assume_role

        return assume_role(session, self.settings, self._role_arn)


def target_of(context: typer.Context) -> Target:
    """The target that the root command left for its subcommands."""
    found = context.find_object(Target)
    return found if found is not None else Target()
