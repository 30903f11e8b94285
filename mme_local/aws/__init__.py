"""An AWS control plane inside this process: moto's server, with CloudFormation and SageMaker made true.

`application()` is a WSGI callable for one localhost port; `mme_local.aws.control_plane` reads what has been
deployed there, without HTTP. Nothing here touches the network or Docker, and nothing stays on the disk: an S3
body over 16 MiB is in an unnamed temporary file that the system frees with the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["application", "reset"]


def application() -> WSGIApplication:
    """The embedded AWS of this process as a WSGI callable; every call answers the same one.

    Region and account come from the request as moto reads them: the region from the signature, the account
    123456789012 unless an assumed role says otherwise. moto is imported here, not before, and each of its
    services when the first request for it arrives.
    """
    from mme_local.aws.wsgi import application as embedded_aws

    return embedded_aws()


def reset() -> None:
    """Forget everything deployed and stored in the embedded AWS of this process."""
    from mme_local.aws.wsgi import reset as reset_embedded_aws

    reset_embedded_aws()
