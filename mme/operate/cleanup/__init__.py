"""Delete a deployment: what its stacks own, and nothing else."""

from mme.operate.cleanup.execution import CleanListener, clean
from mme.operate.cleanup.plan import Choice, CleanPlan, plan_clean, plan_leftovers

__all__ = ["Choice", "CleanListener", "CleanPlan", "clean", "plan_clean", "plan_leftovers"]
