"""What a command works on: the deployment that the root command's flags name."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import boto3
    import typer
    from mypy_boto3_s3 import S3Client

    from mme.aliases import AliasStore
    from mme.client import MultiModelClient
    from mme.operate.clients import AwsClients
    from mme.operate.discovery import Deployment
    from mme.registry import ModelStore
    from mme.settings import Settings


class Target:
    """The deployment, looked up once and only when a command asks for it.

    Args:
        flags: of the root command, by the names of `Settings`.
    """

    def __init__(self, **flags: str | None) -> None:
        self._flags = flags

    @cached_property
    def settings(self) -> Settings:
        """Flags over variables over defaults."""
        from mme.settings import Settings

        return Settings.load(**self._flags)

    @cached_property
    def deployment(self) -> Deployment:
        """Endpoint, bucket and prefix, from the stack's outputs."""
        from mme.operate.access import cloudformation_client
        from mme.operate.discovery import discover

        settings = self.settings
        client = cloudformation_client(self._session, settings)
        return discover(client, settings.stack_name, None if settings.stack else settings.env)

    @cached_property
    def clients(self) -> AwsClients:
        """The clients that operating it takes."""
        from mme.operate.clients import AwsClients

        return AwsClients(self._session, self.settings)

    def s3(self) -> S3Client:
        """S3, wherever the deployment is; nothing is looked up."""
        from mme.operate.access import s3_client

        return s3_client(self._session, self.settings)

    def store(self) -> ModelStore:
        """Its models."""
        from mme.registry import ModelStore

        found = self.deployment
        return ModelStore.open(self._session, self.s3(), found.bucket, found.prefix)

    def aliases(self) -> AliasStore:
        """Its aliases."""
        from mme.aliases import AliasStore

        found = self.deployment
        return AliasStore(self.s3(), found.bucket, found.prefix)

    def client(self) -> MultiModelClient:
        """Its endpoint."""
        from mme.cli.console import print_note
        from mme.client import MultiModelClient, runtime_client

        runtime = runtime_client(self._session, endpoint_url=self.settings.aws_url)
        return MultiModelClient(
            self.deployment.endpoint_name,
            runtime,
            on_wait=lambda model, seconds: print_note(
                "waiting", f"{model} is still loading ({seconds:.0f} s)"
            ),
        )

    @cached_property
    def _session(self) -> boto3.Session:
        from mme.operate.access import open_session

        return open_session(self.settings)


def target_of(context: typer.Context) -> Target:
    """The target that the root command left for its subcommands."""
    found = context.find_object(Target)
    return found if found is not None else Target()
