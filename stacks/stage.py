"""One environment: its models and its endpoint."""

from __future__ import annotations

from aws_cdk import Environment as AwsEnvironment
from aws_cdk import Stage, Tags
from constructs import Construct

from stacks.environments import Environment
from stacks.model_store import ModelStoreStack
from stacks.serving import ServingStack


class MmeStage(Stage):
    """The two stacks of an environment; deploy them with `cdk deploy '<name>/*'`.

    Attributes:
        model_store: The stateful stack.
        serving: The stateless stack.
    """

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        """Define both stacks.

        Args:
            scope: The app.
            environment: Its settings; the stage's id is its name.
        """
        super().__init__(
            scope,
            environment.name,
            env=AwsEnvironment(account=environment.account, region=environment.region),
        )
        self.model_store = ModelStoreStack(self, "ModelStore", environment=environment)
        self.serving = ServingStack(self, "Serving", environment=environment, models=self.model_store.models)
        for key, value in environment.tags.items():
            Tags.of(self).add(key, value)
