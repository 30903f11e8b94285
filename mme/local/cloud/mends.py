"""Every change made to moto itself, in one place: `apply()` makes them once, before the first request.

Whatever can be done by subclassing moto or by standing beside it is done that way and is not here.
"""

from __future__ import annotations

from functools import cache


@cache
def apply() -> None:
    """Make all changes; calling it again changes nothing.

    Raises:
        RuntimeError: moto no longer has what a change relies on.
    """
    _serve_our_sagemaker()


def _serve_our_sagemaker() -> None:
    """Have moto make our SageMaker backend for each account and region.

    moto picks a service's backend class by the `backend` attribute of its registry: there is no other way in.
    Ours adds UpdateEndpoint and today's instance types, and answers with AWS's words.
    """
    from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends

    from mme.local.cloud.sagemaker.backend import EmbeddedSageMaker

    if getattr(sagemaker_backends, "backend", None) is not SageMakerModelBackend:
        raise RuntimeError("this release of moto keeps SageMaker's backend class elsewhere")
    sagemaker_backends.backend = EmbeddedSageMaker
