"""The embedded AWS: moto's server in this process, with CloudFormation and SageMaker that behave like AWS's.

It lets a team deploy a multi-model endpoint without an account, through boto3 and the CDK CLI.
`application()` is a WSGI callable for one localhost port; `mme_local.aws.control_plane` reads what is
deployed without HTTP. Nothing here uses the network or Docker. State is in memory; an S3 body over 16 MiB is
in an unnamed temporary file, which the system frees with the process. moto is imported by the first call of a
function here, and each of its services when the first request for it arrives.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask
    from moto.backends import SERVICE_NAMES

    from mme_local.aws.clients import EmbeddedClients

__all__ = ["application", "clients_of", "reset"]

_reset_lock = threading.Lock()


@cache
def application() -> WSGIApplication:
    """Return the embedded AWS of this process as a WSGI callable; every call returns the same one.

    moto reads the region from the request's signature; the account is 123456789012 unless an assumed role is
    of another.
    """
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    from mme_local.aws import moto_patches

    moto_patches.apply()
    return DomainDispatcherApplication(_service_application)


@cache
def clients_of(account: str, region: str) -> EmbeddedClients:
    """Return boto3 clients of the embedded AWS that use no port, the same ones on each call.

    Args:
        account: Twelve digits.
        region: For example `us-east-1`.
    """
    from mme_local.aws.clients import EmbeddedClients

    return EmbeddedClients(account, region, application())


def reset() -> None:
    """Delete everything deployed and stored; requests in flight may still see the old state."""
    from moto.core.base_backend import BackendDict
    from moto.core.model_instances import reset_model_data

    from mme_local.aws import functions

    with _reset_lock:
        BackendDict.reset()
        reset_model_data()
        functions.deployed.clear()


def _service_application(service: SERVICE_NAMES | None) -> Flask:
    """Create a service's web application, when its first request arrives.

    moto's own API resets everything, dumps it and writes requests into files; an instance's metadata has
    credentials. Both are not found, and so is a service that moto does not know.
    """
    if service in (None, "instance_metadata", "moto_api"):
        from flask import Flask

        return Flask("none", static_folder=None)
    if service == "cloudformation":
        from mme_local.aws.cloudformation.responses import web_application

        return web_application(clients_of)
    from moto.moto_server.werkzeug_app import create_backend_app

    from mme_local.aws.malformed_requests import refuse_in

    if service == "applicationautoscaling":
        from mme_local.aws import moto_patches

        moto_patches.use_our_scaling()
    return refuse_in(create_backend_app(service))
