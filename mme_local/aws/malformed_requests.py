"""AWS's errors for requests that moto fails to read: bodies that are not JSON objects, S3's forms and XML."""

from __future__ import annotations

import json
from traceback import walk_tb
from typing import Any
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationNotFoundError
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from mme_local.aws.constraints import mistyped, request_shape

_SERIALIZATION = "SerializationException"
_NO_FORM = (
    "At least one of the preconditions failed: Bucket POST must be of the enclosure-type multipart/form-data"
)
_NO_KEY = (
    "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields."
)
_NO_FILE = "POST requires exactly one file upload per request."
_NO_METHOD = "The specified method is not allowed against this resource."
_NO_UPLOAD = (
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted "
    "or completed."
)
_NO_NUMBER = "Provided max-keys not an integer or within integer range"
_NO_START = "The continuation token provided is incorrect"
_NO_XML = "The XML you provided was not well-formed or did not validate against our published schema"


def refuse_in(application: Flask) -> Flask:
    """Make a service's web application answer what it fails to read with AWS's error.

    Args:
        application: moto's, of one service.
    """
    service = getattr(application, "service", "")

    def answer(error: Exception) -> Any:
        if isinstance(error, OperationNotFoundError):
            return _unknown_operation(str(error))
        found = _of_s3(error) if service == "s3" else _of_json(error, service)
        if found:
            return found
        if isinstance(error, HTTPException) and not isinstance(error, KeyError):
            return error  # moto's answer
        raise error

    application.register_error_handler(Exception, answer)
    application.after_request(_with_status)
    return application


def _with_status(answer: Response) -> Response:
    """Set S3's default status of an upload by a form whose `success_action_status` is not a number."""
    if answer.status_code == 0:
        answer.status_code = 204
    return answer


def _unknown_operation(name: str) -> Response:
    if "json" in request.mimetype:
        return _json_error("UnknownOperationException", f"Could not find operation {name}")
    members = f"<Type>Sender</Type><Code>InvalidAction</Code><Message>Could not find operation {escape(name)}"
    body = f"<ErrorResponse><Error>{members}</Message></Error></ErrorResponse>"
    return Response(body, 400, content_type="text/xml")


def _of_json(error: Exception, service: str) -> Response | None:
    """Refuse a body that says it is JSON and is no JSON object, or has members of wrong types.

    AWS publishes no messages for these.
    """
    # the server refuses what is nested too deeply
    if isinstance(error, HTTPException | RecursionError) or "json" not in request.mimetype:
        return None
    try:
        body = json.loads(request.get_data())
    except ValueError:
        return _json_error(_SERIALIZATION, "The request body is not valid JSON")
    if not isinstance(body, dict):
        kind = "list" if isinstance(body, list) else "scalar"
        return _json_error(_SERIALIZATION, f"Start of {kind} found where not expected")
    try:
        shape = request_shape(service, request.headers.get("X-Amz-Target", "").rpartition(".")[2])
    except (UnknownServiceError, OperationNotFoundError):
        return None
    place = mistyped(body, shape) if shape else None
    return _json_error(_SERIALIZATION, f"{place} has the wrong type") if place else None


def _json_error(name: str, message: str) -> Response:
    body = json.dumps({"__type": name, "Message": message})
    return Response(body, 400, {"x-amzn-ErrorType": name}, content_type="application/x-amz-json-1.1")


def _of_s3(error: Exception) -> Response | None:
    """Refuse a method, a parameter, a form or XML that makes no sense."""
    arguments, lacks = request.args, isinstance(error, KeyError)
    form = request.method == "POST" and lacks
    faults = (
        (isinstance(error, ExpatError), (400, "MalformedXML", _NO_XML)),
        (request.method == "PATCH", (405, "MethodNotAllowed", _NO_METHOD)),
        (
            isinstance(error, ValueError) and not arguments.get("max-keys", "0").isdecimal(),
            (400, "InvalidArgument", _NO_NUMBER),
        ),
        (isinstance(error, TypeError) and _is_of_token(error), (400, "InvalidArgument", _NO_START)),
        (lacks and "uploadId" in arguments, (404, "NoSuchUpload", _NO_UPLOAD)),
        (form and request.mimetype != "multipart/form-data", (412, "PreconditionFailed", _NO_FORM)),
        (form, (400, "InvalidArgument", _NO_FILE if "key" in request.form else _NO_KEY)),
    )
    return next((_s3_error(*answer) for holds, answer in faults if holds), None)


def _is_of_token(error: Exception) -> bool:
    """Return whether moto failed at a continuation token that it did not make."""
    steps = [frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__)]
    return "continuation-token" in request.args and "_get_results_from_token" in steps


def _s3_error(status: int, code: str, message: str) -> Response:
    members = f"<Code>{code}</Code><Message>{message}</Message>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{members}</Error>'
    return Response(body, status, content_type="application/xml")
