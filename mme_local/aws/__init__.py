"""The embedded AWS: moto's server in this process, with CloudFormation and SageMaker that behave like AWS's.

It lets a team deploy a multi-model endpoint without an account, through boto3 and the CDK CLI.
`application()` is a WSGI callable for one localhost port; `mme_local.aws.control_plane` reads what is
deployed without HTTP. Nothing here uses the network or Docker. State is in memory; an S3 body over 16 MiB is
in an unnamed temporary file, which the system frees with the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from mme_local.aws.clients import EmbeddedClients

__all__ = ["application", "clients_of", "reset"]


def application() -> WSGIApplication:
    """Return the embedded AWS of this process as a WSGI callable; every call returns the same one.

    moto reads the region from the request's signature; the account is 123456789012 unless an assumed role is
    of another. moto is imported here, and each of its services when the first request for it arrives.
    """
    from mme_local.aws.wsgi import application as embedded_aws

    return embedded_aws()


def clients_of(account: str, region: str) -> EmbeddedClients:
    """Return boto3 clients of the embedded AWS that use no port.

    Args:
        account: Twelve digits.
        region: For example `us-east-1`.
    """
    from mme_local.aws.wsgi import clients_of as embedded_clients

    return embedded_clients(account, region)


def reset() -> None:
    """Delete everything deployed and stored in the embedded AWS of this process."""
    from mme_local.aws.wsgi import reset as reset_embedded_aws

    reset_embedded_aws()
