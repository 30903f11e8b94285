"""The operation ``InvokeEndpoint``: from a request's headers and body to the answer that is sent."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from typing import Final

from mme.catalog import limits
from mme_local.aws.account import DEFAULT_REGION
from mme_local.containers.pieces import Body
from mme_local.endpoint import errors as outcome
from mme_local.endpoint.call import Call
from mme_local.endpoint.data_plane import DataPlane
from mme_local.server.access.gatekeeper import Gatekeeper
from mme_local.server.access.signature import scope_of
from mme_local.server.http_answer import HttpAnswer, error_answer

log = logging.getLogger(__name__)

_TARGET_MODEL: Final = "X-Amzn-SageMaker-Target-Model"
_TARGET_VARIANT: Final = "X-Amzn-SageMaker-Target-Variant"
_PASSED_ON: Final = ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes", "Content-Encoding")
_UUID_FREE: Final = ~(0xF << 76 | 0x3 << 62)
_UUID_VERSION_4: Final = 0x4 << 76 | 0x2 << 62
"""The bits that say what kind of UUID it is (RFC 9562, "UUID Version 4")."""


class InvokeEndpoint:
    """Answers every invocation, whoever read it from its connection.

    Args:
        data_plane: has the containers.
        gatekeeper: who may invoke; everybody by default.
        payload_bytes: largest body of an invocation.
    """

    def __init__(
        self,
        data_plane: DataPlane,
        gatekeeper: Gatekeeper | None = None,
        *,
        payload_bytes: int = limits.PAYLOAD_MAX_BYTES,
    ) -> None:
        self.payload_bytes = payload_bytes
        self._data_plane = data_plane
        self._gatekeeper = gatekeeper or Gatekeeper(enforce=False)

    async def answer(self, endpoint: str, path: str, headers: Mapping[str, str], body: Body) -> HttpAnswer:
        """The answer, also where it is an error.

        Args:
            endpoint: its name.
            path: with its query, escaped, as it was sent.
            headers: of the request; names in any case.
            body: the payload.
        """
        request_id = new_request_id()
        scope = scope_of(headers)
        call = Call(
            endpoint,
            headers.get(_TARGET_MODEL),
            body,
            {name: headers[name] for name in _PASSED_ON if name in headers},
            request_id,
            region=scope.region if scope else DEFAULT_REGION,
            target_variant=headers.get(_TARGET_VARIANT),
        )
        try:
            if self._gatekeeper.enforces:
                self._gatekeeper.check(call, "POST", f"http://{headers.get('Host', '')}{path}", headers)
            answered = await self._data_plane.invoke(call)
        except outcome.InvocationError as error:
            return error_answer(error, request_id)
        except Exception as error:
            log.exception("failed to answer POST %s", path)
            return error_answer(outcome.internal_failure(f"{type(error).__name__}: {error}"), request_id)
        return HttpAnswer(
            200,
            {
                **answered.reply.headers,
                "Content-Type": answered.reply.content_type,
                "x-Amzn-Invoked-Production-Variant": answered.variant,
                "x-amzn-RequestId": request_id,
            },
            answered.reply.body,
        )


def new_request_id() -> str:
    """A UUID as AWS gives one; of a generator that asks the system once, not at each request."""
    bits = random.getrandbits(128) & _UUID_FREE | _UUID_VERSION_4
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
