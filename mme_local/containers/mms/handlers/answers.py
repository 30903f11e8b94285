"""Errors of handlers that the inference toolkit turns into a status and a message."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from sagemaker_inference.errors import BaseInferenceToolkitError, GenericInferenceToolkitError
from sagemaker_inference.transformer import Transformer


class AnsweringTransformer(Transformer):
    """The toolkit's, which answers the errors below by their text alone, as AWS's XGBoost image does."""

    @staticmethod
    def handle_error(context: Any, inference_exception: BaseInferenceToolkitError, trace: str) -> list[str]:
        """Return the text, with a trace for exceptions of the user's functions."""
        unexpected = isinstance(inference_exception, GenericInferenceToolkitError)
        answer: list[str] = Transformer.handle_error(context, inference_exception, trace)
        return answer if unexpected else [str(inference_exception.message)]


def bad_request(reason: object) -> BaseInferenceToolkitError:
    """Return a 400: the model can't run this payload."""
    return _error(HTTPStatus.BAD_REQUEST, f"Unable to evaluate payload provided: {reason}")


def unsupported(reason: object) -> BaseInferenceToolkitError:
    """Return a 415: the content type of the request or of the answer is not supported."""
    return _error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(reason))


def not_loaded(reason: object) -> BaseInferenceToolkitError:
    """Return a 500: the model can't be loaded."""
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, f"Unable to load model: {reason}")


def _error(status: HTTPStatus, message: str) -> BaseInferenceToolkitError:
    return BaseInferenceToolkitError(int(status), message, message)
