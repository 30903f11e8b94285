"""Call the models of one multi-model endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, Final

from mme.aws.runtime import runtime_client
from mme.client.calls import Call, Outcome
from mme.client.codec import (
    JSON_CONTENT_TYPE,
    Parameter,
    check_header_size,
    check_outputs,
    decode_reply,
    encode_request,
)
from mme.client.datatypes import Array
from mme.client.errors import InvalidRequestError, ModelNotReadyError
from mme.client.load_retry import LoadRetry
from mme.client.targets import SupportsResolve, check_endpoint, check_models, check_payload, resolved
from mme.client.warming import PROBE, Warmed, shows_loaded
from mme.client.workers import run_bounded
from mme.errors import MmeError

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from mme.client.asynchronous import AsyncQueue, Submission

DEFAULT_CONCURRENCY: Final = 8


@dataclass(frozen=True, slots=True)
class Reply:
    """A container's answer.

    Attributes:
        body: Its bytes.
        content_type: Their type.
        variant: Production variant that answered.
        custom_attributes: The container's `X-Amzn-SageMaker-Custom-Attributes` header, or empty.
    """

    body: bytes
    content_type: str
    variant: str
    custom_attributes: str = ""


class MultiModelClient:
    """Calls the models of one endpoint by name, retries while a model loads, and explains errors.

    Share one client between threads: it reuses its connections.

    Args:
        endpoint_name: Name of the endpoint.
        client: A boto3 `sagemaker-runtime` client. Default: `runtime_client()`, with the timeouts that a
            multi-model endpoint needs and 50 connections.
        load_retry: How long to retry while a model is loading. Default: 360 s, SageMaker's own limit.
        on_wait: Called before each retry with the model and the seconds waited so far; by `infer_many` and
            `warm` from several threads.
        aliases: Resolves targets like `add_sub@prod`: a `mme.registry.aliases.CachedAliases`.
        queue: The endpoint's `mme.client.asynchronous.AsyncQueue`, for `submit` and `collect`.
    """

    def __init__(
        self,
        endpoint_name: str,
        client: SageMakerRuntimeClient | None = None,
        *,
        load_retry: LoadRetry | None = None,
        on_wait: Callable[[str, float], None] | None = None,
        aliases: SupportsResolve | None = None,
        queue: AsyncQueue | None = None,
    ) -> None:
        self.endpoint_name = check_endpoint(endpoint_name)
        self._client = client or runtime_client()
        self._load_retry = load_retry or LoadRetry()
        self._on_wait = on_wait
        self._aliases = aliases
        self._queue = queue

    def infer(
        self,
        model: str,
        inputs: Mapping[str, Array],
        *,
        outputs: Iterable[str] | None = None,
        datatypes: Mapping[str, str] | None = None,
        parameters: Mapping[str, Parameter] | None = None,
    ) -> dict[str, Array]:
        """Run one inference request on a Triton model.

        Args:
            model: Target model (`add_sub_v0.tar.gz`, `tenant-a/x_v1.tar.gz`) or alias (`add_sub@prod`).
            inputs: Tensor name to array. The shape includes the batch dimension if the model batches:
                `(batch, *dims)`.
            outputs: Names to request. All outputs by default.
            datatypes: Triton data type by input name, if it differs from the array's dtype (`BF16`).
            parameters: Request parameters, which a python model reads with `request.parameters()`.

        Returns:
            Output name to array, with the dtype and shape that the model returned. BYTES are objects of type
            `bytes`, BF16 is float32.

        Raises:
            ModelNotReadyError: The model did not load before `load_retry`'s timeout.
            UnknownModelError: No such archive under the endpoint's prefix.
            InvocationError: Any other failure; its subclasses tell them apart.
            MmeError: No such alias.
        """
        return self._infer(Call(model, inputs, outputs, datatypes, parameters))

    def invoke(
        self,
        model: str,
        body: bytes | bytearray,
        *,
        content_type: str = "application/octet-stream",
        accept: str | None = None,
        custom_attributes: str | None = None,
    ) -> Reply:
        """Send bytes unchanged, for any container.

        Args:
            model: Target model or alias.
            body: At most 25 MB; above 6 MiB with a LargePayloadWarning.
            content_type: Type of the body: `text/csv`, `application/json`.
            accept: Type of the answer to ask for.
            custom_attributes: `X-Amzn-SageMaker-Custom-Attributes` header for the container.

        Returns:
            The container's answer.

        Raises:
            TensorError: The body is in Triton's binary form, and its `json-header-size` is wrong.
            InvocationError: The call failed; its subclasses tell how.
            MmeError: No such alias.
        """
        check_header_size(body, content_type)
        more: dict[str, Any] = {
            "ContentType": content_type,
            "Accept": accept,
            "CustomAttributes": custom_attributes,
        }
        return self._invoke(model, body, {name: value for name, value in more.items() if value is not None})

    def submit(
        self,
        model: str,
        inputs: Mapping[str, Array],
        *,
        outputs: Iterable[str] | None = None,
        datatypes: Mapping[str, str] | None = None,
        parameters: Mapping[str, Parameter] | None = None,
        inference_id: str | None = None,
    ) -> Submission:
        """Send tensors to the endpoint's queue without waiting for the answer.

        The limits are those of real-time inference: 25 MB, and 60 s for the model. For bytes, use the queue's
        own `submit`.

        Args:
            model: Target model or alias. An alias is resolved now, not when the request runs.
            inputs: Tensor name to array, as for `infer`.
            outputs: Names to request. All outputs by default.
            datatypes: Triton data type by input name.
            parameters: Request parameters.
            inference_id: Identity of the request: the same id runs once. Default: a new one.

        Returns:
            The submission, with its inference id.

        Raises:
            InvalidRequestError: This client has no queue.
            MmeError: The request can't be sent, or another request has this inference id.
        """
        request = encode_request(inputs, outputs=outputs, datatypes=datatypes, parameters=parameters)
        return self._require_queue().submit(
            resolved(model, self._aliases),
            request.body,
            content_type=request.content_type,
            inference_id=inference_id,
        )

    def collect(self, inference_id: str, *, wait_seconds: float = 0) -> dict[str, Array]:
        """Return the answer to a request that `submit` sent.

        Args:
            inference_id: Identity of the request.
            wait_seconds: Seconds to wait for the answer.

        Returns:
            Output name to array, as `infer` returns it.

        Raises:
            AsyncFailedError: The request failed.
            AsyncPendingError: There is no answer yet.
            InvalidRequestError: This client has no queue.
        """
        found = self._require_queue().result(inference_id, wait_seconds=wait_seconds)
        return decode_reply(found.body, found.content_type)

    def infer_many(
        self,
        calls: Iterable[Call | tuple[str, Mapping[str, Array]]],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: Callable[[Outcome], None] | None = None,
    ) -> Iterator[Outcome]:
        """Make many calls concurrently.

        The iterator is lazy: it takes calls only as fast as outcomes are consumed, so `calls` may be endless.
        An error of one call is in its outcome; an error that affects all calls (no credentials) is raised.
        Closing the iterator cancels the calls that were not sent.

        Args:
            calls: Each a `Call`, or a pair of model and inputs.
            concurrency: Concurrent calls; at most the connections of the boto3 client.
            ordered: Yield outcomes in the order of the calls instead of as they complete.
            progress: Called in the calling thread with each outcome as it completes.

        Yields:
            One outcome per call.

        Raises:
            InvalidRequestError: The concurrency is below 1 or above the boto3 client's connections.
        """
        return run_bounded(
            self._outcome, calls, concurrency=self._checked(concurrency), ordered=ordered, progress=progress
        )

    def warm(
        self,
        models: Iterable[str],
        *,
        inputs: Callable[[str], Mapping[str, Array] | None] | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        progress: Callable[[Warmed], None] | None = None,
    ) -> Iterator[Warmed]:
        """Load models before their first request, by calling each once.

        A call warms the one instance that SageMaker routes it to; other instances load the model at their own
        first call. A warm model may be evicted for the next one.

        Args:
            models: Target models or aliases.
            inputs: Returns the inputs to call a model with, or None. Without inputs an empty request is sent,
                which Triton refuses after loading the model: metrics count it as a 4XX error. The model's
                process does not see it, so a model whose process has ended counts as loaded.
            concurrency: Concurrent loads.
            progress: Called in the calling thread with each model as it completes.

        Yields:
            One result per model, as it completes. Nothing is sent before the first is requested.

        Raises:
            InvalidRequestError: The concurrency is below 1 or above the boto3 client's connections.
        """

        def warm_one(_: int, model: str, stop: Event) -> Warmed:
            began = time.perf_counter()
            error: MmeError | None = None
            try:
                given = inputs(model) if inputs else None
                if given is None:
                    self._invoke(model, PROBE, {"ContentType": JSON_CONTENT_TYPE}, stop)
                else:
                    self._infer(Call(model, given), stop)
            except MmeError as raised:
                error = None if shows_loaded(raised) else raised
            return Warmed(model, error is None, time.perf_counter() - began, error)

        return run_bounded(
            warm_one,
            check_models(models),
            concurrency=self._checked(concurrency),
            ordered=False,
            progress=progress,
        )

    def _outcome(self, index: int, given: Call | tuple[str, Mapping[str, Array]], stop: Event) -> Outcome:
        if not isinstance(given, Call) and (isinstance(given, str) or len(given) != 2):
            raise InvalidRequestError(
                f"{given!r} is not a call", hint="pass a Call, or a pair of model and inputs"
            )
        call = given if isinstance(given, Call) else Call(*given)
        began = time.perf_counter()
        outputs: dict[str, Array] | None = None
        error: MmeError | None = None
        try:
            outputs = self._infer(call, stop)
        except MmeError as raised:
            error = raised
        return Outcome(index, call, outputs, error, time.perf_counter() - began)

    def _infer(self, call: Call, stop: Event | None = None) -> dict[str, Array]:
        request = encode_request(
            call.inputs, outputs=call.outputs, datatypes=call.datatypes, parameters=call.parameters
        )
        reply = self._invoke(call.model, request.body, {"ContentType": request.content_type}, stop)
        outputs = decode_reply(reply.body, reply.content_type)
        check_outputs(outputs, call.outputs or (), call.model)
        return outputs

    def _invoke(
        self, model: str, body: bytes | bytearray, more: Mapping[str, Any], stop: Event | None = None
    ) -> Reply:
        target = resolved(model, self._aliases)
        arguments: dict[str, Any] = {
            "EndpointName": self.endpoint_name,
            "TargetModel": target,
            "Body": check_payload(body),
            **more,
        }
        waits: Iterator[float] | None = None
        while True:
            try:
                answer = self._client.invoke_endpoint(**arguments)
                return Reply(
                    body=answer["Body"].read(),
                    content_type=answer.get("ContentType", ""),
                    variant=answer.get("InvokedProductionVariant", ""),
                    custom_attributes=answer.get("CustomAttributes", ""),
                )
            except Exception as error:
                from mme.client.explain import explain

                explained = explain(error, endpoint=self.endpoint_name, model=target)
                if explained is None:
                    raise
                if not isinstance(explained, ModelNotReadyError):
                    raise explained from error
                waits = waits or self._load_retry.waits(stop)
                waited = next(waits, None)
                if waited is None:
                    raise self._still_loading(target, explained.original) from error
                if self._on_wait:
                    self._on_wait(target, waited)

    def _still_loading(self, target: str, original: str) -> ModelNotReadyError:
        seconds = f"{self._load_retry.timeout:.0f} s"
        return ModelNotReadyError(
            f"{target} was still loading on endpoint {self.endpoint_name} after {seconds}",
            hint="SageMaker limits a load to 360 s; the endpoint's log has the reason",
            cause=f"still loading after {seconds}",
            original=original,
        )

    def _require_queue(self) -> AsyncQueue:
        if self._queue is None:
            raise InvalidRequestError(
                f"this client has no queue for endpoint {self.endpoint_name}",
                hint="pass it: MultiModelClient(..., queue=AsyncQueue.of_stack(...))",
            )
        return self._queue

    def _checked(self, concurrency: int) -> int:
        connections = int(getattr(self._client.meta.config, "max_pool_connections", 10))
        if 1 <= concurrency <= connections:
            return concurrency
        raise InvalidRequestError(
            f"{concurrency} concurrent calls need as many connections; this client has {connections}",
            hint=f"create it with runtime_client(connections={concurrency})" if concurrency > 0 else None,
        )
