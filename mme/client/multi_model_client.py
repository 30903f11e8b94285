"""Invoking the models of one multi-model endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, Final

from mme.aws.runtime import runtime_client
from mme.client.calls import Call, Outcome
from mme.client.codec import JSON_CONTENT_TYPE, Parameter, decode_reply, encode_request
from mme.client.datatypes import Array
from mme.client.errors import InvalidRequestError, ModelNotReadyError
from mme.client.explain import explain
from mme.client.patience import Patience
from mme.client.payload import check_payload
from mme.client.targets import SupportsResolve, check_endpoint, check_models, resolved
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
        body: its bytes.
        content_type: what they are.
        variant: the production variant that answered.
        custom_attributes: what the container said beside its answer, or empty.
    """

    body: bytes
    content_type: str
    variant: str
    custom_attributes: str = ""


class MultiModelClient:
    """Calls models by name, waits for those that are still loading, and explains what goes wrong.

    One client may be used by many threads, and should be: it keeps its connections open.

    Args:
        endpoint_name: the endpoint.
        client: a boto3 `sagemaker-runtime` client. Default: `runtime_client()`, one of the default session
            with the timeouts that a multi-model endpoint wants and 50 connections.
        patience: how long to wait for a model that is still loading. Default: 360 s, as SageMaker does.
        on_wait: called with the model and the seconds waited so far, after each answer "still loading"; in
            `infer_many` and `warm` by several threads.
        aliases: makes targets like `add_sub@prod` work: a `mme.registry.aliases.CachedAliases`.
        queue: makes `submit` and `collect` work: the endpoint's `mme.client.asynchronous.AsyncQueue`.
    """

    def __init__(
        self,
        endpoint_name: str,
        client: SageMakerRuntimeClient | None = None,
        *,
        patience: Patience | None = None,
        on_wait: Callable[[str, float], None] | None = None,
        aliases: SupportsResolve | None = None,
        queue: AsyncQueue | None = None,
    ) -> None:
        self.endpoint_name = check_endpoint(endpoint_name)
        self._client = client or runtime_client()
        self._patience = patience or Patience()
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
        """Runs a Triton model on tensors.

        Args:
            model: the TargetModel: `add_sub_v0.tar.gz`, `tenant-a/x_v1.tar.gz`; or an alias: `add_sub@prod`.
            inputs: arrays by the model's input names, with the batch dimension where the model has one.
            outputs: names of the wanted outputs; all by default.
            datatypes: Triton's type by input name, where it shall not be the array's own (`BF16`).
            parameters: of the request, for the model itself: a python model reads `request.parameters()`.

        Returns:
            arrays by output name. BYTES come as objects of type `bytes`, BF16 as float32.

        Raises:
            InvocationError: one of its subclasses says which fault it was.
            MmeError: there is no such alias.
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
        """Sends bytes as they are, for any container.

        Args:
            model: the TargetModel, or an alias.
            body: up to 25 MB; above 6 MiB with a LargePayloadWarning.
            content_type: what the body is: `text/csv`, `application/json`.
            accept: the wanted form of the answer, where the container offers several.
            custom_attributes: for the container, as its `X-Amzn-SageMaker-Custom-Attributes` header.

        Raises:
            InvocationError: one of its subclasses says which fault it was.
            MmeError: there is no such alias.
        """
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
        """Sends tensors to the endpoint's queue, without waiting for the answer.

        The limits stay those of real-time inference: 25 MB, and 60 s for the model. For bytes of any kind,
        use the queue's own `submit`.

        Args:
            model: the TargetModel, or an alias, which is resolved now and not when the request is run.
            inputs: as `infer` takes them; likewise `outputs`, `datatypes` and `parameters`.
            outputs: names of the wanted outputs; all by default.
            datatypes: Triton's type by input name.
            parameters: for the model itself.
            inference_id: the request's identity: the same twice is run once. Default: a new one.

        Raises:
            InvalidRequestError: this client has no queue.
            MmeError: something can't be sent, or the inference id is another request's.
        """
        request = encode_request(inputs, outputs=outputs, datatypes=datatypes, parameters=parameters)
        return self._its_queue().submit(
            resolved(model, self._aliases),
            request.body,
            content_type=request.content_type,
            inference_id=inference_id,
        )

    def collect(self, inference_id: str, *, wait_seconds: float = 0) -> dict[str, Array]:
        """The answer to a request that `submit` sent, as `infer` gives it.

        Args:
            inference_id: of the request.
            wait_seconds: how long to wait for it.

        Raises:
            AsyncFailedError: the request ended without an answer.
            AsyncPendingError: there is none yet.
            InvalidRequestError: this client has no queue.
        """
        found = self._its_queue().result(inference_id, wait_seconds=wait_seconds)
        return decode_reply(found.body, found.content_type)

    def infer_many(
        self,
        calls: Iterable[Call | tuple[str, Mapping[str, Array]]],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = True,
        progress: Callable[[Outcome], None] | None = None,
    ) -> Iterator[Outcome]:
        """Makes many calls, some at a time, over the connections of this one client.

        Nothing is sent before the first outcome is asked for, and calls are taken only as fast as outcomes
        are: both may be without end. One call's error is its own outcome's; only what no other call could
        survive (no credentials) is raised here. Giving the iterator up stops what has not been sent.

        Args:
            calls: each a `Call`, or a pair of model and inputs.
            concurrency: calls under way at once; no more than the boto3 client has connections.
            ordered: outcomes come in the order of the calls, else as they end.
            progress: called in the calling thread with each outcome as it ends, ordered or not.

        Raises:
            InvalidRequestError: the concurrency is below 1, or above the boto3 client's connections.
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
        """Has each model loaded, by calling it once.

        A call warms one instance, the one that SageMaker sends it to: where there are several, others load
        the model at their own first call, and nothing tells which instance answered. A model that is warm
        now may leave memory for the next one.

        Args:
            models: TargetModels or aliases.
            inputs: gives what to call a model with, or None. Without inputs an empty request is sent, which
                Triton refuses once the model is loaded: metrics count that as a client's error.
            concurrency: loads under way at once.
            progress: called in the calling thread with each model as it is done.

        Returns:
            how it went, as it goes; nothing is sent before the first is asked for.

        Raises:
            InvalidRequestError: the concurrency is below 1, or above the boto3 client's connections.
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
                f"{given!r} is no call", hint="give a Call, or a pair of a model's name and its inputs"
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
        return decode_reply(reply.body, reply.content_type)

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
        waits = self._patience.waits(stop)
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
                explained = explain(error, endpoint=self.endpoint_name, model=target)
                if explained is None:
                    raise
                if not isinstance(explained, ModelNotReadyError):
                    raise explained from error
                waited = next(waits, None)
                if waited is None:
                    raise self._still_loading(target, explained.original) from error
                if self._on_wait:
                    self._on_wait(target, waited)

    def _still_loading(self, target: str, original: str) -> ModelNotReadyError:
        seconds = f"{self._patience.total:.0f} s"
        return ModelNotReadyError(
            f"{target} was still loading on endpoint {self.endpoint_name} after {seconds}",
            hint="SageMaker gives a load 360 s: the endpoint's log tells why it takes longer",
            cause=f"still loading after {seconds}",
            original=original,
        )

    def _its_queue(self) -> AsyncQueue:
        if self._queue is None:
            raise InvalidRequestError(
                f"this client knows no queue of endpoint {self.endpoint_name}",
                hint="give it the deployment's: MultiModelClient(..., queue=AsyncQueue.of_stack(...))",
            )
        return self._queue

    def _checked(self, concurrency: int) -> int:
        connections = int(getattr(self._client.meta.config, "max_pool_connections", 10))
        if 1 <= concurrency <= connections:
            return concurrency
        raise InvalidRequestError(
            f"{concurrency} calls at once can't be made over the {connections} connections of this client",
            hint=f"make it with more: runtime_client(connections={concurrency})" if concurrency > 0 else None,
        )
