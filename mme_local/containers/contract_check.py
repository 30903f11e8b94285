"""Check a server against SageMaker's multi-model container contract, rule by rule."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from mme_local.containers.container import ContainerDiedError, ContainerReply, ContainerTimeoutError
from mme_local.containers.contract import ContractContainer

_GUIDE: Final = "https://docs.aws.amazon.com/sagemaker/latest/dg/"
CONTRACT_PAGE: Final = f"{_GUIDE}mms-container-apis.html"
PING_PAGE: Final = f"{_GUIDE}your-algorithms-inference-code.html"
BUILD_PAGE: Final = f"{_GUIDE}build-multi-model-build-container.html"
LABEL: Final = "com.amazonaws.sagemaker.capabilities.multi-models"
"""An image label that must be ``true`` (AWS developer guide, "build-multi-model-build-container")."""

_PING_SECONDS: Final = 2.0
"""SageMaker waits as long for ``/ping`` (AWS developer guide, "your-algorithms-inference-code")."""
_INVOKE_SECONDS: Final = 60.0
"""SageMaker's limit for one response (AWS developer guide, "your-algorithms-inference-code")."""
_LIST_SECONDS: Final = 10.0
_MOST_PAGES: Final = 1000
HANDLE: Final = "c0" * 16
"""The opaque name that the model gets."""
_UNKNOWN: Final = "ff" * 16
_TARGET_MODEL: Final = "contract_check_v0.tar.gz"
_SHOWN_CHARS: Final = 120
_OUT_OF_MEMORY: Final = ("out of memory", "memoryerror", "cannot allocate memory", "bad_alloc")


class Outcome(StrEnum):
    """What was found about one rule."""

    HOLDS = "holds"
    DIFFERS = "differs"
    FAILS = "fails"
    NOT_PROVOKED = "not provoked"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule of the contract and what the server did.

    Attributes:
        rule: Name of the rule.
        outcome: What was found.
        observed: The answer, or the reason for the outcome.
        page: URL of the AWS page with the rule.
        hint: How to fix a failure; empty if nothing is wrong.
    """

    rule: str
    outcome: Outcome
    observed: str
    page: str = CONTRACT_PAGE
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Payload:
    """A request that the model answers.

    Attributes:
        body: Its bytes.
        content_type: Its Content-Type.
    """

    body: bytes
    content_type: str


class ContractCheck:
    """Drives the contract once against a running server. The model is unloaded at the end.

    Args:
        container: The server.
        folder: The unpacked model, where the server can read it.
        payload: What the model is invoked with; None skips the call.
        load_seconds: Time limit for the load.
    """

    def __init__(
        self, container: ContractContainer, folder: Path, payload: Payload | None, load_seconds: float
    ) -> None:
        self._container = container
        self._folder = folder
        self._payload = payload
        self._load_seconds = load_seconds
        self._loaded = False

    async def run(self) -> list[Verdict]:
        """Return the verdicts in the order of the requests.

        Raises:
            ContainerDiedError: Nothing answers ``/ping``.
        """
        found = [await self._ping(), await _answered("list", self._list)]
        load, reply = await self._load()
        found.append(load)
        try:
            if self._loaded:
                found += await self._with_model()
            found += await self._unknown(_UNKNOWN, "unknown-model")
        finally:
            if self._loaded:
                await _answered("unload", self._unload)
        return [*found, _memory(reply)]

    async def _with_model(self) -> list[Verdict]:
        found = [
            await _answered("load-again", self._load_again),
            *await self._listed(),
            await _answered("get", self._get),
            await _answered("invoke", self._invoke),
            await _answered("unload", self._unload),
        ]
        if not self._loaded:
            found += await self._unknown(HANDLE, "unloaded-model")
        return found

    async def _ping(self) -> Verdict:
        try:
            reply = await self._container.request("GET", "/ping", {}, b"", _PING_SECONDS)
        except ContainerTimeoutError as error:
            return Verdict("ping", Outcome.FAILS, str(error), PING_PAGE, "answer GET /ping within 2 s")
        return _status("ping", reply, 200, "answer GET /ping with 200 and an empty body", PING_PAGE)

    async def _list(self) -> Verdict:
        reply = await self._get_json("/models")
        hint = 'answer GET /models with 200 and {"models": []}'
        if not reply.ok or _models(reply) is None:
            return Verdict("list", Outcome.FAILS, _shown(reply), hint=hint)
        return Verdict("list", Outcome.HOLDS, _shown(reply))

    async def _load(self) -> tuple[Verdict, ContainerReply | None]:
        try:
            reply = await self._send_load()
        except (ContainerDiedError, ContainerTimeoutError) as error:
            hint = "answer POST /models once the model can be invoked; see the log of the server"
            return Verdict("load", Outcome.FAILS, str(error), hint=hint), None
        self._loaded = reply.ok
        hint = "load the folder of the field url, and answer 200; is --model a model of this server?"
        return _status("load", reply, 200, hint), reply

    async def _load_again(self) -> Verdict:
        hint = "answer 409 if model_name is already loaded"
        return _status("load-again", await self._send_load(), 409, hint)

    async def _send_load(self) -> ContainerReply:
        return await self._container.load(HANDLE, _TARGET_MODEL, self._folder, self._load_seconds)

    async def _listed(self) -> list[Verdict]:
        """Follow the pages of the list, and look for the model on them."""
        hint = 'list {"modelName", "modelUrl"} of each loaded model'
        path, tokens, models = "/models", set[str](), list[Any]()
        pages = Verdict("list-pages", Outcome.NOT_PROVOKED, "all models fit on one page; no nextPageToken")
        try:
            while len(tokens) < _MOST_PAGES:
                reply = await self._get_json(path)
                models += _models(reply) or []
                token = _json(reply).get("nextPageToken")
                if not reply.ok or not token:
                    break
                if str(token) in tokens:
                    text = f"nextPageToken {token} came twice"
                    fix = "begin at next_page_token of the query; send no nextPageToken on the last page"
                    pages = Verdict("list-pages", Outcome.FAILS, text, hint=fix)
                    break
                tokens.add(str(token))
                path = f"/models?next_page_token={quote(str(token), safe='')}"
                pages = Verdict("list-pages", Outcome.HOLDS, f"{len(tokens) + 1} pages")
        except (ContainerDiedError, ContainerTimeoutError) as error:
            return [Verdict("list-loaded", Outcome.FAILS, str(error), hint=hint), pages]
        if any(isinstance(one, dict) and one.get("modelName") == HANDLE for one in models):
            listed = Verdict("list-loaded", Outcome.HOLDS, "the loaded model is in the list")
        elif {} in models:
            text = (
                "an entry is {}, as Triton lists a model whose name is not its target model; AWS accepts it"
            )
            listed = Verdict("list-loaded", Outcome.DIFFERS, text)
        else:
            listed = Verdict("list-loaded", Outcome.FAILS, "the loaded model is not in the list", hint=hint)
        return [listed, pages]

    async def _get(self) -> Verdict:
        reply = await self._get_json(f"/models/{HANDLE}")
        if reply.ok and _json(reply).get("modelName") == HANDLE:
            return Verdict("get", Outcome.HOLDS, _shown(reply))
        hint = 'answer 200 and {"modelName", "modelUrl"}'
        return Verdict("get", Outcome.FAILS, _shown(reply), hint=hint)

    async def _invoke(self) -> Verdict:
        if self._payload is None:
            return Verdict("invoke", Outcome.NOT_PROVOKED, "no request was given; give one with --body FILE")
        reply = await self._send_invoke(HANDLE, self._payload)
        return _status("invoke", reply, 200, "answer 200; is --body a request of this model?")

    async def _send_invoke(self, handle: str, payload: Payload) -> ContainerReply:
        headers = {"Content-Type": payload.content_type}
        return await self._container.invoke(handle, _TARGET_MODEL, payload.body, headers, _INVOKE_SECONDS)

    async def _unload(self) -> Verdict:
        reply = await self._container.unload(HANDLE, _TARGET_MODEL)
        self._loaded = self._loaded and not reply.ok
        return _status("unload", reply, 200, "unload the model and answer 200")

    async def _unknown(self, handle: str, which: str) -> list[Verdict]:
        """Ask for a model that is not loaded."""
        payload = self._payload or Payload(b"{}", "application/json")
        requests: Mapping[str, Callable[[], Awaitable[ContainerReply]]] = {
            "get": lambda: self._get_json(f"/models/{handle}"),
            "invoke": lambda: self._send_invoke(handle, payload),
            "unload": lambda: self._container.unload(handle, _TARGET_MODEL),
        }

        async def one(verb: str) -> Verdict:
            hint = "answer 404 if model_name is not loaded"
            return _status(f"{verb}-{which}", await requests[verb](), 404, hint)

        return [await _answered(f"{verb}-{which}", partial(one, verb)) for verb in requests]

    async def _get_json(self, path: str) -> ContainerReply:
        return await self._container.request("GET", path, {"Accept": "application/json"}, b"", _LIST_SECONDS)


def label_verdict(labels: Mapping[str, str] | None) -> Verdict:
    """Check the labels of an image.

    Args:
        labels: Of the image's configuration; None if it has none.
    """
    value = (labels or {}).get(LABEL)
    if value == "true":
        return Verdict("label", Outcome.HOLDS, f"{LABEL}=true", BUILD_PAGE)
    seen = "the image has no such label" if value is None else f"the label is {value!r}"
    return Verdict("label", Outcome.FAILS, seen, BUILD_PAGE, f"add to the Dockerfile: LABEL {LABEL}=true")


async def _answered(rule: str, step: Callable[[], Awaitable[Verdict]]) -> Verdict:
    """Return the verdict of a step; no answer is a failure of its rule."""
    try:
        return await step()
    except (ContainerDiedError, ContainerTimeoutError) as error:
        return Verdict(rule, Outcome.FAILS, f"no answer: {error}", hint="see the log of the server")


def _status(rule: str, reply: ContainerReply, expected: int, hint: str, page: str = CONTRACT_PAGE) -> Verdict:
    if reply.status == expected:
        return Verdict(rule, Outcome.HOLDS, _shown(reply), page)
    return Verdict(rule, Outcome.FAILS, f"{_shown(reply)}, not {expected}", page, hint)


def _memory(reply: ContainerReply | None) -> Verdict:
    """Check the status of a load that failed for want of memory."""
    if reply is not None and not reply.ok:
        short = any(text in reply.text.lower() for text in _OUT_OF_MEMORY)
        if reply.status == 507 or short:
            return _status(
                "out-of-memory", reply, 507, "answer 507 if memory is short; SageMaker unloads others"
            )
    return Verdict("out-of-memory", Outcome.NOT_PROVOKED, "the load did not run out of memory")


def _json(reply: ContainerReply) -> dict[str, Any]:
    """Return the object of a body; empty if it is none."""
    try:
        value = json.loads(reply.body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _models(reply: ContainerReply) -> list[Any] | None:
    models = _json(reply).get("models")
    return models if isinstance(models, list) else None


def _shown(reply: ContainerReply) -> str:
    text = " ".join(reply.text.split())
    text = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]} ..."
    return f"{reply.status} {text}".rstrip()
