"""How to change the instance type of a scaled variant: two deployments, each after a change of one line."""

from __future__ import annotations

from dataclasses import dataclass

from mme.operate.preflight.account import LiveVariant
from mme.operate.scaling_state import DIMENSION, scaling_resource_id


@dataclass(frozen=True)
class Commands:
    """The commands of this deployment, for hints.

    Attributes:
        place: File or construct to edit.
        deploy: Command that deploys.
        check: Command that runs preflight again.
    """

    place: str
    deploy: str
    check: str


def change_type_hint(
    commands: Commands, endpoint: str, variant: LiveVariant, instance_type: str, *, in_stack: bool
) -> str:
    """Return the lines to change and the commands to run.

    Args:
        commands: The commands of this deployment.
        endpoint: Name of the endpoint.
        variant: As it runs.
        instance_type: Its new instance type.
        in_stack: Whether the stack registered it for scaling.
    """
    if not in_stack:
        lines = [
            "no stack of this app registered it; deregister it, deploy, and register it again:",
            "  $ aws application-autoscaling deregister-scalable-target --service-namespace sagemaker "
            f"--scalable-dimension {DIMENSION} --resource-id {scaling_resource_id(endpoint, variant.name)}",
            f"  $ {commands.deploy}",
        ]
        return "\n".join(lines)
    instances = "instance" if variant.instance_count == 1 else "instances"
    now, then = f'instance_type="{variant.instance_type}",', f'instance_type="{instance_type}",'
    add = f"next_{then}"
    width = max(len(now), len(add))
    lines = [
        f"two deployments change it, each after one line in {commands.place}:",
        f"  1  {now:<{width}}  # stays",
        f"     {add:<{width}}  # add: removes the scaling, does not touch the endpoint",
        f"     $ {commands.deploy}",
        f"  2  {then:<{width}}  # change: changes the type, adds the scaling again",
        f"     $ {commands.check} && {commands.deploy}",
        f"between them {variant.name} has its {variant.instance_count} {instances} at any load",
    ]
    return "\n".join(lines)
