"""The WSGI application: moto's dispatcher, with this package's CloudFormation and SageMaker behind it."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING

from moto.backends import SERVICE_NAMES
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from mme_local.aws import functions
from mme_local.aws import moto_patches as mends
from mme_local.aws.compressed import decompressed

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask

_resetting = threading.Lock()


@cache
def application() -> WSGIApplication:
    """The one application of this process; see `mme_local.aws.application`."""
    mends.apply()
    return decompressed(DomainDispatcherApplication(_service_application))


def _service_application(service: SERVICE_NAMES) -> Flask:
    """One service's web application, made when its first request arrives."""
    if service == "cloudformation":
        from mme_local.aws.cloudformation.responses import web_application

        return web_application()
    return create_backend_app(service)


def reset() -> None:
    """Empty every service's state; requests in flight may still see the old one."""
    with _resetting:
        BackendDict.reset()
        reset_model_data()
        functions.deployed.clear()
