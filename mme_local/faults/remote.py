"""Faults of a running runtime, from another process."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit

from mme.errors import MmeError
from mme_local.faults.fault import FAULTS_PATH, Fault, kind_of

_SECONDS = 60.0
"""A loaded model that is to meet its fault at the next load leaves first: Triton takes about 2 s for that."""


class RuntimeFaults:
    """Sets, lists and clears them.

    Args:
        url: of the runtime.
    """

    def __init__(self, url: str) -> None:
        self._url = f"http://127.0.0.1:{urlsplit(url).port}{FAULTS_PATH}"

    def set(
        self, kind: str, model: str | None = None, *, seconds: float | None = None, times: int | None = None
    ) -> Fault:
        """Have a fault from now on, in place of one of the same kind and model.

        Args:
            kind: one of `FaultKind`, such as ``load-507``.
            model: the target model that it concerns; None for all. Where its fault is met at a load only,
                the model leaves memory and disk now, unless it is in use, so that the next call loads it.
            seconds: see `Fault`.
            times: likewise.

        Raises:
            MmeError: no such fault, model or number; or the runtime does not answer.
        """
        fault = Fault.checked(kind, model, seconds, times)
        self._ask("POST", "", fault.as_json())
        return fault

    def all(self) -> list[dict[str, Any]]:
        """What is set: kind, model, seconds, times, and how often it was ``met``.

        Raises:
            MmeError: the runtime does not answer.
        """
        found: list[dict[str, Any]] = self._ask("GET")["faults"]
        return found

    def clear(self, kind: str | None = None, model: str | None = None) -> list[dict[str, Any]]:
        """Mend everything, or what is of this kind or concerns this model by name; returns what was set.

        Raises:
            MmeError: no such fault; or the runtime does not answer.
        """
        chosen = {"kind": None if kind is None else kind_of(kind).value, "model": model}
        query = urlencode({name: value for name, value in chosen.items() if value is not None})
        cleared: list[dict[str, Any]] = self._ask("DELETE", f"?{query}")["cleared"]
        return cleared

    def _ask(self, method: str, query: str = "", body: Mapping[str, object] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - always http
            self._url + query,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as reply:  # noqa: S310
                answer: dict[str, Any] = json.load(reply)
                return answer
        except HTTPError as error:
            raise _refused(error) from None
        except (URLError, OSError, ValueError) as error:
            raise MmeError(f"the runtime at {self._url} does not answer: {error}") from None


def _refused(error: HTTPError) -> MmeError:
    with error:
        try:
            said = json.load(error)
            return MmeError(said["error"], hint=said["hint"])
        except (ValueError, KeyError, TypeError):
            return MmeError(f"the runtime answered {error.code} {error.reason}")
