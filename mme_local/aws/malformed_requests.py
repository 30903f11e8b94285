"""AWS's errors for requests that moto fails to read: bodies that are not JSON objects, S3's forms and XML."""

from __future__ import annotations

import json
from typing import Any
from xml.parsers.expat import ExpatError

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

_NO_FORM = "Bucket POST must be of the enclosure-type multipart/form-data"
_NO_KEY = (
    "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields."
)
_NO_FILE = "POST requires exactly one file upload per request."
_NO_XML = "The XML you provided was not well-formed or did not validate against our published schema"


def refuse_in(application: Flask) -> Flask:
    """Make a service's web application answer what it fails to read with AWS's error.

    Args:
        application: moto's, of one service.
    """
    refusal = _of_s3 if getattr(application, "service", "") == "s3" else _of_json

    def answer(error: Exception) -> Any:
        if found := refusal(error):
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


def _of_json(error: Exception) -> Response | None:
    """Refuse a body that is not a JSON object if its content type says JSON."""
    # the server refuses what is nested too deeply
    if isinstance(error, HTTPException | RecursionError) or "json" not in request.mimetype:
        return None
    try:
        body = json.loads(request.get_data())
    except ValueError:
        return _serialization_error("The request body is not valid JSON")
    if isinstance(body, dict):
        return None
    kind = "list" if isinstance(body, list) else "scalar"
    return _serialization_error(f"Start of {kind} found where not expected")


def _serialization_error(message: str) -> Response:
    name = "SerializationException"
    body = json.dumps({"__type": name, "Message": message})
    return Response(body, 400, {"x-amzn-ErrorType": name}, content_type="application/x-amz-json-1.1")


def _of_s3(error: Exception) -> Response | None:
    """Refuse a form without its key or file, and XML that is not well-formed."""
    if isinstance(error, ExpatError):
        return _s3_error(400, "MalformedXML", _NO_XML)
    if request.method != "POST" or not isinstance(error, KeyError):
        return None
    if request.mimetype != "multipart/form-data":
        return _s3_error(412, "PreconditionFailed", f"At least one of the preconditions failed: {_NO_FORM}")
    return _s3_error(400, "InvalidArgument", _NO_FILE if "key" in request.form else _NO_KEY)


def _s3_error(status: int, code: str, message: str) -> Response:
    members = f"<Code>{code}</Code><Message>{message}</Message>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{members}</Error>'
    return Response(body, status, content_type="application/xml")
