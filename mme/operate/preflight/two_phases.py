"""The way to another instance type: two deployments, each after a change of one line."""

from __future__ import annotations

from dataclasses import dataclass

from mme.operate.preflight.live import DIMENSION, LiveVariant
from mme.operate.preflight.template import scaling_resource_id


@dataclass(frozen=True)
class Advice:
    """How this deployment is made, for what preflight tells to do.

    Attributes:
        place: where the lines stand that are to be changed.
        deploy: the command that deploys.
        check: the command that runs preflight again.
    """

    place: str
    deploy: str
    check: str

    def change_type(self, endpoint: str, variant: LiveVariant, to: str, *, in_stack: bool) -> tuple[str, ...]:
        """The lines to change and the commands between them.

        Args:
            endpoint: the endpoint's name.
            variant: as it runs.
            to: its new type.
            in_stack: whether the stack registered it for scaling; else only who did can take that back.
        """
        if not in_stack:
            return (
                "no stack of this app registered it. Deregister it, deploy, and register it again:",
                "  $ aws application-autoscaling deregister-scalable-target --service-namespace sagemaker "
                f"--scalable-dimension {DIMENSION} "
                f"--resource-id {scaling_resource_id(endpoint, variant.name)}",
                f"  $ {self.deploy}",
            )
        instances = "instance" if variant.instance_count == 1 else "instances"
        now, then = f'instance_type="{variant.instance_type}",', f'instance_type="{to}",'
        add = f"next_{then}"
        wide = max(len(now), len(add))
        return (
            f"two deployments change it, each after one line in {self.place}:",
            f"  1  {now:<{wide}}  # stays",
            f"     {add:<{wide}}  # add: takes the scaling away, leaves the endpoint alone",
            f"     $ {self.deploy}",
            f"  2  {then:<{wide}}  # change: changes the type, brings the scaling back",
            f"     $ {self.check} && {self.deploy}",
            f"between them {variant.name} keeps its {variant.instance_count} {instances}, whatever the load",
        )
