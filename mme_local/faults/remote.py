"""Faults of a running local endpoint, set over HTTP."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit

from mme.errors import MmeError
from mme_local.faults.fault import FAULTS_PATH, FaultType, InjectedFault

_SECONDS = 60.0
"""Setting a fault may evict a loaded model first, which takes Triton about 2 s."""
_WHICH_RUN = "`mme local status` lists the local endpoints that run"


class RuntimeFaults:
    """Sets, lists and clears the faults of a local endpoint.

    Args:
        url: address of the local endpoint.
        models: target models by other names that `set` and `clear` accept.
    """

    def __init__(self, url: str, models: Mapping[str, str] | None = None) -> None:
        self._url = f"http://127.0.0.1:{urlsplit(url).port}{FAULTS_PATH}"
        self._models = {} if models is None else models

    def set(
        self, kind: str, model: str | None = None, *, seconds: float | None = None, times: int | None = None
    ) -> InjectedFault:
        """Set a fault, replacing one of the same kind and model.

        Args:
            kind: such as ``load-507``; see `FaultType`.
            model: the target model; None for all. If only loads meet the fault, an idle model is evicted
                from memory and disk first, so that the next call meets it.
            seconds: see `InjectedFault`.
            times: how often it is met before it is cleared; None for no limit.

        Raises:
            MmeError: A value is not valid, there is no such model, or the local endpoint does not answer.
        """
        values = {"kind": kind, "model": self._target_model(model), "seconds": seconds, "times": times}
        fault = InjectedFault.checked(values)
        self._request("POST", body=fault.as_json())
        return fault

    def all(self) -> list[dict[str, Any]]:
        """Return the faults: kind, model, seconds, times, and how often each was ``met``.

        Raises:
            MmeError: The local endpoint does not answer.
        """
        faults: list[dict[str, Any]] = self._request("GET")["faults"]
        return faults

    def clear(self, kind: str | None = None, model: str | None = None) -> list[dict[str, Any]]:
        """Clear faults and return them.

        Args:
            kind: only of this kind.
            model: only those set for this model by name.

        Raises:
            MmeError: There is no such kind, or the local endpoint does not answer.
        """
        chosen = {
            "kind": None if kind is None else FaultType.parse(kind).value,
            "model": self._target_model(model),
        }
        query = urlencode({name: value for name, value in chosen.items() if value is not None})
        cleared: list[dict[str, Any]] = self._request("DELETE", f"?{query}")["cleared"]
        return cleared

    def _target_model(self, model: str | None) -> str | None:
        return None if model is None else self._models.get(model, model)

    def _request(self, method: str, query: str = "", body: object = None) -> dict[str, Any]:
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
            with error:
                try:
                    answer = json.load(error)
                    refusal = MmeError(answer["error"], hint=answer["hint"])
                except (ValueError, KeyError, TypeError):
                    text = f"the local endpoint answered {error.code} {error.reason}"
                    refusal = MmeError(text, hint=_WHICH_RUN)
            raise refusal from None
        except (URLError, OSError, ValueError) as error:
            text = f"the local endpoint at {self._url} does not answer: {error}"
            raise MmeError(text, hint=_WHICH_RUN) from None
