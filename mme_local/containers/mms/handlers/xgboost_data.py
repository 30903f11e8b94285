"""Payloads of the XGBoost image: CSV, libsvm and protobuf records."""

from __future__ import annotations

import csv
from enum import Enum
from typing import Any

import numpy as np
import scipy.sparse
import xgboost

from mme_local.containers.mms.handlers import answers
from mme_local.containers.mms.handlers.recordio import read_records


class Format(Enum):
    """A format of the payload, with the content types that name it."""

    CSV = ("csv", "text/csv")
    LIBSVM = ("libsvm", "text/libsvm", "text/x-libsvm")
    RECORDIO = ("recordio-protobuf", "application/x-recordio-protobuf")

    @classmethod
    def of(cls, content_type: str | None) -> Format:
        """Return the format of a content type; as in AWS's image, libsvm without one.

        Raises:
            BaseInferenceToolkitError: It is not supported.
        """
        if content_type is None:
            return cls.LIBSVM
        plain = content_type.lower().split(";")[0].strip()
        for one in cls:
            if plain in one.value:
                return one
        known = ", ".join(name for one in cls for name in one.value)
        raise answers.unsupported(f"{content_type} is not an accepted ContentType: {known}.")


def read_matrix(body: str | bytes, content_type: str | None) -> xgboost.DMatrix:
    """Return the rows of a payload.

    Args:
        body: The payload.
        content_type: Of the request.

    Raises:
        BaseInferenceToolkitError: The content type is not supported, or the payload is not of it.
    """
    found = Format.of(content_type)
    try:
        if found is Format.RECORDIO:
            return xgboost.DMatrix(read_records(body.encode() if isinstance(body, str) else bytes(body)))
        text = (body if isinstance(body, str) else bytes(body).decode()).strip()
        return xgboost.DMatrix(_csv(text) if found is Format.CSV else _libsvm(text))
    except Exception as error:
        raise answers.bad_request(
            f"Loading {found.value[0]} data failed with Exception, please ensure data is in {found.value[0]} "
            f"format: {type(error).__name__}: {error}"
        ) from error


def _csv(text: str) -> np.ndarray[Any, Any]:
    first = text.split("\n", 1)[0][:512]
    delimiter = csv.Sniffer().sniff(first).delimiter
    if delimiter.isalnum():
        delimiter = ","
    rows = [[cell or "nan" for cell in line.split(delimiter)] for line in text.split("\n")]
    return np.array(rows).astype(float)


def _libsvm(text: str) -> scipy.sparse.csr_matrix:
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for number, line in enumerate(text.split("\n")):
        for item in line.split(" "):
            column, colon, value = item.partition(":")
            if colon:
                rows.append(number)
                columns.append(int(column))
                values.append(float(value))
    return scipy.sparse.csr_matrix((values, (rows, columns)))
