"""The requests of a load test: an example for each model, encoded before the test begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mme.client.codec import JSON_CONTENT_TYPE, encode_request
from mme.client.warming import PROBE, example_inputs, shows_loaded
from mme.errors import MmeError

if TYPE_CHECKING:
    from mme.client.multi_model_client import MultiModelClient
    from mme.registry.model_store import ModelRecord

Payload = tuple[bytes | bytearray, str]
"""Body and content type."""


def example_payloads(records: Iterable[ModelRecord]) -> dict[str, Payload]:
    """Return a request of zeros for each model that declares its inputs, by TargetModel."""
    found: dict[str, Payload] = {}
    for record in records:
        inputs = example_inputs(record.signature) if record.signature else None
        if inputs is not None:
            request = encode_request(inputs)
            found[record.target_model] = request.body, request.content_type
    return found


def sender(
    client: MultiModelClient, payloads: Mapping[str, Payload], given: Payload | None
) -> Callable[[str], Any]:
    """Return a function that sends one request for a model.

    A model without a known request gets one that Triton refuses after it has loaded the model: that counts
    as an answer.

    Args:
        client: Of the endpoint.
        payloads: By TargetModel.
        given: For all models instead.
    """

    def send(model: str) -> None:
        found = given or payloads.get(model)
        body, content_type = found or (PROBE, JSON_CONTENT_TYPE)
        try:
            client.invoke(model, body, content_type=content_type)
        except MmeError as error:
            if found is not None or not shows_loaded(error):
                raise

    return send
