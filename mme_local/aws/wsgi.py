"""The WSGI application: moto's dispatcher with our CloudFormation, IAM, CloudWatch and SageMaker."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING

from moto.backends import SERVICE_NAMES
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from mme_local.aws import functions, moto_patches
from mme_local.aws.clients import EmbeddedClients

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask

_reset_lock = threading.Lock()


@cache
def application() -> WSGIApplication:
    """Return the one application of this process."""
    moto_patches.apply()
    return DomainDispatcherApplication(_service_application)


@cache
def clients_of(account: str, region: str) -> EmbeddedClients:
    """Return in-process clients, the same ones on each call: they hold no state of the embedded AWS.

    Args:
        account: Twelve digits.
        region: For example `us-east-1`.
    """
    return EmbeddedClients(account, region, application())


def _service_application(service: SERVICE_NAMES) -> Flask:
    """Create a service's web application, when its first request arrives."""
    if service == "cloudformation":
        from mme_local.aws.cloudformation.responses import web_application

        return web_application(clients_of)
    return create_backend_app(service)


def reset() -> None:
    """Delete every service's state; requests in flight may still see the old one."""
    with _reset_lock:
        BackendDict.reset()
        reset_model_data()
        functions.deployed.clear()
