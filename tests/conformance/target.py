"""The endpoint under test by plain boto3: on the local endpoint, or a deployed one."""

from __future__ import annotations

import itertools
import json
import uuid
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from tests.archives.archive_builder import pack
from tests.conformance import mms_models
from tests.conformance import models as triton_models
from tests.conformance.models import Files

TRITON, MMS = "triton", "mms"
MODELS: dict[str, ModuleType] = {TRITON: triton_models, MMS: mms_models}
"""The models of each container."""
JSON = "application/json"
BINARY = "application/vnd.sagemaker-triton.binary+json;json-header-size="
_READ_SECONDS = 70
_TRIES_NOT_READY = 6  # of 60 s each: AWS gives a load 360 s
_numbers = itertools.count()


@dataclass(frozen=True)
class Answer:
    """A good answer of ``InvokeEndpoint``.

    Attributes:
        body: its bytes.
        content_type: of the body.
        response: all that boto3 returned.
    """

    body: bytes
    content_type: str
    response: dict[str, Any]

    @property
    def json(self) -> dict[str, Any]:
        """The body of a JSON answer."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    def tensor(self, name: str) -> list[Any]:
        """One tensor of a JSON answer."""
        found: list[Any] = next(one["data"] for one in self.json["outputs"] if one["name"] == name)
        return found


@dataclass
class Target:
    """An endpoint and the bucket of its models.

    Attributes:
        endpoint: its name.
        bucket: with its models.
        prefix: their prefix, ending in ``/``.
        instances: how many it has; None if unknown.
        clients: of services, by name.
        container: what serves it, `TRITON` or `MMS`.
        folder: prefix of this run's models, in addition to the endpoint's.
    """

    endpoint: str
    bucket: str
    prefix: str
    instances: int | None
    clients: dict[str, Any]
    container: str = TRITON
    folder: str = field(default_factory=lambda: f"conformance-{uuid.uuid4().hex[:8]}")

    @classmethod
    def deployed(cls, endpoint: str, bucket: str | None, prefix: str | None, container: str) -> Target:
        """A live endpoint; credentials and region are those of the environment.

        Args:
            endpoint: its name.
            bucket: of its models; None asks the control plane.
            prefix: of its models; None likewise.
            container: what serves it.
        """
        clients: dict[str, Any] = {}
        for service in ("s3", "sagemaker", "sagemaker-runtime"):
            clients[service] = boto3.client(service, config=Config(read_timeout=_READ_SECONDS))
        if bucket is not None and prefix is not None:
            return cls(endpoint, bucket, prefix, None, clients, container)
        sagemaker = clients["sagemaker"]
        described = sagemaker.describe_endpoint(EndpointName=endpoint)
        config = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
        model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
        containers = [model.get("PrimaryContainer"), *model.get("Containers", ())]
        (url,) = (one["ModelDataUrl"] for one in containers if one and one.get("Mode") == "MultiModel")
        parts = urlsplit(url)
        instances = sum(variant.get("CurrentInstanceCount", 1) for variant in described["ProductionVariants"])
        bucket, prefix = bucket or parts.netloc, prefix or parts.path[1:]
        return cls(endpoint, bucket, prefix, instances, clients, container)

    @property
    def models(self) -> ModuleType:
        """The models of its container."""
        return MODELS[self.container]

    @property
    def exceptions(self) -> Any:
        """Of ``sagemaker-runtime``."""
        return self.clients["sagemaker-runtime"].exceptions

    def publish(self, name: str, files: Files) -> str:
        """Put a model in the bucket under a new key; returns its TargetModel."""
        return self.put(name, pack(files))

    def put(self, name: str, content: bytes, target_model: str | None = None) -> str:
        """Store these bytes as a model's archive; return the TargetModel."""
        # A dash, a dot and a folder: the container gets an opaque name instead.
        target_model = target_model or f"{self.folder}/{name}.{next(_numbers)}_v0.tar.gz"
        key = self.prefix + target_model
        self.clients["s3"].put_object(Bucket=self.bucket, Key=key, Body=content)
        return target_model

    def remove(self, target_model: str) -> None:
        """Delete an archive from the bucket."""
        self.clients["s3"].delete_object(Bucket=self.bucket, Key=self.prefix + target_model)

    def invoke(self, target_model: str, body: bytes, content_type: str = JSON) -> Answer:
        """``InvokeEndpoint``, asked again while a model is still on its way in."""
        runtime = self.clients["sagemaker-runtime"]
        for left in reversed(range(_TRIES_NOT_READY)):
            try:
                response = runtime.invoke_endpoint(
                    EndpointName=self.endpoint, TargetModel=target_model, ContentType=content_type, Body=body
                )
            except runtime.exceptions.ModelNotReadyException:
                if not left:
                    raise
            else:
                return Answer(response["Body"].read(), response["ContentType"], response)
        raise AssertionError("unreachable")

    def call(self, target_model: str, number: float = 1) -> Answer:
        """Invoke a model of one tensor X with one number."""
        return self.invoke(target_model, request(X=("FP32", [number])))

    def clean(self) -> None:
        """Delete every archive of this run."""
        s3 = self.clients["s3"]
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"{self.prefix}{self.folder}/"
        )
        for page in pages:
            for item in page.get("Contents", ()):
                s3.delete_object(Bucket=self.bucket, Key=item["Key"])


def request(outputs: dict[str, bool] | None = None, **tensors: tuple[str, list[Any]]) -> bytes:
    """A KServe v2 JSON request; a tensor is its datatype and its numbers.

    Args:
        outputs: by name, whether it is wanted as binary. None: all as they come.
        tensors: by name.
    """
    asked: dict[str, Any] = {
        "inputs": [
            {"name": name, "datatype": datatype, "shape": [len(data)], "data": data}
            for name, (datatype, data) in tensors.items()
        ]
    }
    if outputs is not None:
        asked["outputs"] = [
            {"name": name, "parameters": {"binary_data": binary}} for name, binary in outputs.items()
        ]
    return json.dumps(asked).encode()


def binary_request(outputs: dict[str, bool], tensors: dict[str, tuple[str, int, bytes]]) -> tuple[bytes, int]:
    """A request whose tensors follow its JSON as bytes; returns the body and the JSON's length.

    Args:
        outputs: by name, whether it is wanted as binary.
        tensors: by name, the datatype, the number of elements and the bytes.
    """
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": name,
                    "datatype": datatype,
                    "shape": [count],
                    "parameters": {"binary_data_size": len(data)},
                }
                for name, (datatype, count, data) in tensors.items()
            ],
            "outputs": [
                {"name": name, "parameters": {"binary_data": binary}} for name, binary in outputs.items()
            ],
        }
    ).encode()
    return head + b"".join(data for _, _, data in tensors.values()), len(head)


def split_binary(answer: Answer) -> dict[str, bytes]:
    """The binary tensors of an answer, by name."""
    assert answer.content_type.startswith(BINARY), answer.content_type
    size = int(answer.content_type.removeprefix(BINARY))
    rest, found = answer.body[size:], {}
    for tensor in json.loads(answer.body[:size])["outputs"]:
        length = tensor.get("parameters", {}).get("binary_data_size")
        if length is not None:
            found[tensor["name"]], rest = rest[:length], rest[length:]
    assert not rest, f"{len(rest)} bytes belong to no tensor"
    return found
