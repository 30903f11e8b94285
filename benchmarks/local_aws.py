"""AWS on localhost by moto: a deployed stack, models, and an endpoint that answers every call alike."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final

_OUTPUTS: Final = {"EndpointName": "mme-local", "ModelBucketName": "models", "ModelPrefix": "models/"}
_METADATA: Final = {"mme-digest": "0" * 64, "mme-unpacked-bytes": "1000"}
_ANSWER: Final = {
    "model_name": "add_sub",
    "outputs": [
        {"name": name, "datatype": "FP32", "shape": [4], "data": [2.0, 4.0, 6.0, 8.0]}
        for name in ("OUTPUT0", "OUTPUT1")
    ],
}


@contextmanager
def local_aws(models: Collection[str] = ()) -> Iterator[dict[str, str]]:
    """Run it, and yield the environment for `mme` commands.

    Args:
        models: Target models to publish.
    """
    import boto3
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    cloud: Any = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"].startswith("/endpoints/"):
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(_ANSWER).encode()]
        return cloud(environ, start_response)

    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        url = f"http://localhost:{server.server_port}"
        session = boto3.Session("x", "x", region_name="us-east-1")
        s3 = session.client("s3", endpoint_url=url)
        s3.create_bucket(Bucket="models")
        for model in models:
            s3.put_object(Bucket="models", Key=f"models/{model}", Body=b"x", Metadata=_METADATA)
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {name: {"Value": value} for name, value in _OUTPUTS.items()},
        }
        session.client("cloudformation", endpoint_url=url).create_stack(
            StackName="mme-local-serving", TemplateBody=json.dumps(template)
        )
        yield os.environ | {"MME_ENV": "local", "MME_ENDPOINT_URL": url}
    finally:
        server.shutdown()
        thread.join()
