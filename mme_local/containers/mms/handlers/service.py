"""The service that the server's workers run: the container's own handler, with failed loads reported.

The Multi Model Server answers 200 to the load of a model whose handler class raises in ``initialize``, and
never answers if a handler function raises. Here neither happens: this class never raises at a load; it writes
the failure to a file, which the container reads, and answers later calls with it.
"""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

HANDLER: Final = "MME_LOCAL_HANDLER"
"""Variable: the handler's module, with ``:FUNCTION`` if it has no ``handle`` and no single class."""
FAILED_LOADS: Final = "MME_LOCAL_FAILED_LOADS"
"""Variable: the folder for a file of each failed load, named like the model."""
MODEL_CODE: Final = "MME_LOCAL_MODEL_CODE"
"""Variable: the folder of a model with the program, if the image reads it there."""
_OUT_OF_MEMORY: Final = 507
_SERVER_ERROR: Final = 500

_EntryPoint = Callable[[Any, Any], Any]


class Service:
    """The one class of this module, as the server requires."""

    def __init__(self) -> None:
        self._entry_point: _EntryPoint | None = None
        self._failure = _SERVER_ERROR, "the model is not loaded"

    def initialize(self, context: Any) -> None:
        """Load the model; see the server's documentation of custom services."""
        folder = context.system_properties.get("model_dir")
        if code := os.environ.get(MODEL_CODE):
            sys.path.insert(0, str(Path(folder) / code))
        try:
            self._entry_point = _initialized(os.environ[HANDLER], context)
        except (Exception, SystemExit) as error:
            logging.exception("the model %s did not load", context.model_name)
            self._failure = _failure(error)
            status, message = self._failure
            report = Path(os.environ[FAILED_LOADS]) / context.model_name
            report.write_text(json.dumps({"status": status, "message": message}), encoding="utf-8")

    def handle(self, data: Any, context: Any) -> Any:
        """Answer a request.

        Args:
            data: One item per request of the batch, with its ``body``.
            context: The server's context of the model and its requests.
        """
        if self._entry_point is None:
            status, message = self._failure
            context.set_response_status(code=status, phrase=" ".join(message.split())[:200])
            return [message]
        return self._entry_point(data, context)


def _initialized(name: str, context: Any) -> _EntryPoint:
    """Return the initialized entry point of a handler, found as the server finds it."""
    path, _, function = name.partition(":")
    module = importlib.import_module(path.removesuffix(".py").split("/")[-1])
    entry_point: _EntryPoint | None = getattr(module, function or "handle", None)
    if entry_point is not None:
        entry_point(None, context)  # a function loads the model when it gets no data
        return entry_point
    classes = [
        one for _, one in inspect.getmembers(module, inspect.isclass) if one.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise ValueError(
            f"the handler {name} has no function {function or 'handle'} and {len(classes)} classes; the "
            "server takes one of either"
        )
    service: Any = classes[0]()
    service.initialize(context)
    handle: _EntryPoint = service.handle
    return handle


def _failure(error: BaseException) -> tuple[int, str]:
    """Return the status and the message that the container's own answer to a call would have."""
    if isinstance(error, MemoryError):
        return _OUT_OF_MEMORY, f"out of memory: {error or type(error).__name__}"
    status, message = getattr(error, "status_code", None), getattr(error, "message", None)
    if isinstance(status, int) and isinstance(message, str):  # an error of SageMaker's inference toolkit
        return int(status), message
    return _SERVER_ERROR, f"{error}\n{''.join(traceback.format_exception(error))}"
