"""A saved booster's number of features and objective: XGBoost's JSON and UBJSON, LightGBM's text.

The trees are skipped. Source: XGBoost's documentation, "Introduction to Model IO", and LightGBM's
`src/boosting/gbdt_model_text.cpp`; both tried with the packages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mme.archives.model_files.content_stream import ContentStream
from mme.archives.model_files.wire import WireError

_PART_BYTES: Final = 256 * 1024
_HEADER_END: Final = b"\nTree="
# Keys are sorted: what describes the learner is behind the trees. UBJSON writes S and a length before text.
_TEXT: Final = rb'(?:"\s*:\s*"|SL.{7}.|Si.|SI..|Sl....)'
_FEATURES: Final = re.compile(rb"num_feature" + _TEXT + rb"(\d{1,9})", re.DOTALL)
_CLASSES: Final = re.compile(rb"num_class" + _TEXT + rb"(\d{1,9})", re.DOTALL)
_OBJECTIVE: Final = re.compile(
    rb"name" + _TEXT + rb"((?:binary|multi|reg|rank|count|survival):[a-z_]{1,40})", re.DOTALL
)
_VERSION: Final = re.compile(rb'"version"\s*:\s*\[\s*(\d{1,4}),\s*(\d{1,4}),\s*(\d{1,4})')

_VERSION_UBJ: Final = re.compile(rb"version\[#L\x00{7}\x03i(.)i(.)i(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Booster:
    """What a saved booster says of itself.

    Attributes:
        library: `XGBoost` or `LightGBM`.
        features: Number of columns that a row has.
        classes: Number of classes; 1 for a regression or two classes.
        objective: Such as `binary:logistic`; empty if it is not stated.
        version: Of the library that saved it; empty if it is not stated.
    """

    library: str
    features: int
    classes: int = 1
    objective: str = ""
    version: str = ""

    @property
    def text(self) -> str:
        """All of it in a line: `XGBoost 3.2.0, 6 features, binary:logistic`."""
        classes = f"{self.classes} classes" if self.classes > 1 else ""
        library = f"{self.library} {self.version}".rstrip()
        return ", ".join(filter(None, (library, f"{self.features} features", classes, self.objective)))


def read_xgboost(stream: ContentStream, size: int) -> Booster:
    """Read a booster in XGBoost's JSON or UBJSON.

    Args:
        stream: The file.
        size: Of the file, in bytes.

    Raises:
        WireError: It is not such a booster.
    """
    start = stream.read(min(size, _PART_BYTES))
    if not start.lstrip().startswith(b"{") or b"learner" not in start[:200]:
        raise WireError
    left = size - len(start)
    if left > _PART_BYTES:
        stream.skip(left - _PART_BYTES)
    end = start
    while block := stream.read(_PART_BYTES):
        end = (end + block)[-2 * _PART_BYTES :]
    features = _FEATURES.search(end)
    if not features or not end.rstrip().endswith(b"}"):
        raise WireError
    classes, objective = _CLASSES.search(end), _OBJECTIVE.search(end)
    return Booster(
        library="XGBoost",
        features=int(features[1]),
        classes=max(1, int(classes[1])) if classes else 1,
        objective=objective[1].decode() if objective else "",
        version=_version(end),
    )


def _version(end: bytes) -> str:
    if text := _VERSION.search(end):
        return ".".join(part.decode() for part in text.groups())
    binary = _VERSION_UBJ.search(end)
    return ".".join(str(part[0]) for part in binary.groups()) if binary else ""


def read_lightgbm(stream: ContentStream, size: int) -> Booster:
    """Read the header of a booster in LightGBM's text form.

    Args:
        stream: The file.
        size: Of the file, in bytes.

    Raises:
        WireError: It is not such a booster.
    """
    header = stream.read(min(size, _PART_BYTES)).partition(_HEADER_END)[0].decode("utf-8", "replace")
    lines = header.splitlines()
    values = dict(line.partition("=")[::2] for line in lines if "=" in line)
    last, classes = values.get("max_feature_idx", ""), values.get("num_class", "1")
    if not lines or lines[0] != "tree" or not (last.isdecimal() and classes.isdecimal()):
        raise WireError
    objective = values.get("objective", "").partition(" ")[0]
    return Booster("LightGBM", int(last) + 1, max(1, int(classes)), objective)
