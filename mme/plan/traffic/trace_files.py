"""Read traces: CSV and JSON lines of times and models, and the lines that Triton logs for each call."""

from __future__ import annotations

import csv
import json
import math
import re
from array import array
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import IO, Final

import numpy as np

from mme.catalog.triton_log import MODEL_CALLED
from mme.errors import MmeError, shortened
from mme.plan.traffic.trace import Trace

_CALLED: Final = re.compile(MODEL_CALLED)
_STAMP: Final = re.compile(
    r"[IWEF](?P<month>\d\d)(?P<day>\d\d) (?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d(?:\.\d+)?) "
)
_TIME_COLUMNS: Final = ("time", "timestamp", "seconds")
_MODEL_COLUMNS: Final = ("model", "target_model", "targetmodel")
_YEAR: Final = 2000  # Triton's lines have no year; a leap year has every day
_YEAR_SECONDS: Final = 366 * 86400
_LATEST: Final = 1e11
"""Seconds; a later time, beyond the year 5000, is in milliseconds."""
_FORMS: Final = "a trace has the columns time and model: CSV, JSON lines, or Triton's log"


class TraceForm(Enum):
    """The format of a trace file."""

    CSV = "csv"
    JSON_LINES = "json lines"
    LOG = "log"


class _Collected:
    """The requests read so far: 12 bytes each."""

    def __init__(self, path: str, *, in_order: bool) -> None:
        self._path = path
        self._in_order = in_order
        self._seconds = array("d")
        self._models = array("i")
        self._index: dict[str, int] = {}
        self._last = -math.inf

    def add(self, row: int, seconds: float, model: str) -> None:
        if self._in_order and seconds < self._last:
            raise MmeError(
                f"{self._path} row {row}: time {seconds:.15g} is before {self._last:.15g} of the row above; "
                "a trace must be in the order of time",
                hint=f"sort it by its time, for example: sort -t, -k1,1g {self._path}",
            )
        self._last = seconds
        self._seconds.append(seconds)
        self._models.append(self._index.setdefault(model, len(self._index)))

    def trace(self) -> Trace:
        if not self._models:
            raise MmeError(f"{self._path} has no requests; a plan needs some", hint=_FORMS)
        seconds, models = np.array(self._seconds), np.array(self._models, np.int32)
        if not self._in_order:
            order = np.argsort(seconds, kind="stable")  # the streams of several instances
            seconds, models = seconds[order], models[order]
        return Trace(seconds, models, tuple(self._index))


def read_trace(path: Path) -> Trace:
    """Read a trace file; its content decides the format.

    CSV and JSON lines have `time` (seconds, or a moment in ISO form) and `model` (a TargetModel). Lines of
    `mme endpoint logs --json` and of a Triton log count if they report a call.

    Raises:
        MmeError: It has no requests, a row is invalid, or times are not in order. Messages name the row.
    """
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        head = file.read(65536)
        file.seek(0)
        form = _form(head)
        if form is TraceForm.LOG:
            return _from_log(file, str(path))
        collected = _Collected(str(path), in_order=True)
        if form is TraceForm.JSON_LINES:
            requests = _from_json(file, str(path))
            if '"message"' in head:
                collected = _Collected(str(path), in_order=False)
        else:
            requests = _from_csv(file, str(path))
        for row, seconds, model in requests:
            collected.add(row, seconds, model)
    return collected.trace()


def trace_of_events(events: Iterable[tuple[datetime, str]], source: str) -> Trace:
    """Return the calls that a container's log reports.

    Args:
        events: Moment and message of each line, in any order.
        source: Name of the log, for messages.

    Raises:
        MmeError: The log reports no calls.
    """
    collected = _Collected(source, in_order=False)
    for moment, message in events:
        if called := _CALLED.search(message):
            collected.add(0, moment.timestamp(), called["model"].strip())
    return collected.trace()


def _form(head: str) -> TraceForm:
    first = next((line for line in head.splitlines() if line.strip()), "").lstrip("\ufeff \t")
    if first.startswith("{"):
        return TraceForm.JSON_LINES
    if _STAMP.search(first) or _CALLED.search(head):
        return TraceForm.LOG
    return TraceForm.CSV


def _from_csv(file: IO[str], path: str) -> Iterator[tuple[int, float, str]]:
    rows = csv.reader(file)
    columns: tuple[int, int] | None = None
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if columns is None:
                columns = _columns(row)
                if columns is not None:
                    continue
                columns = 0, 1
            if len(row) <= max(columns):
                raise MmeError(
                    f"{path} row {rows.line_num}: {shortened(','.join(row), 80)!r} has {len(row)} columns; "
                    "it needs a time and a model",
                    hint=_FORMS,
                )
            place = f"{path} row {rows.line_num}"
            yield rows.line_num, _seconds(row[columns[0]], place), _model(row[columns[1]], place)
    except csv.Error as error:
        raise MmeError(f"{path} row {rows.line_num}: {error}", hint=_FORMS) from error


def _columns(row: list[str]) -> tuple[int, int] | None:
    names = [cell.strip().lower().lstrip("\ufeff") for cell in row]
    time = next((names.index(name) for name in _TIME_COLUMNS if name in names), None)
    model = next((names.index(name) for name in _MODEL_COLUMNS if name in names), None)
    return None if time is None or model is None else (time, model)


def _from_json(file: IO[str], path: str) -> Iterator[tuple[int, float, str]]:
    for row, line in enumerate(file, 1):
        if not line.strip():
            continue
        place = f"{path} row {row}"
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise MmeError(f"{place}: it is not JSON: {error}", hint=_FORMS) from error
        if not isinstance(found, dict):
            raise MmeError(f"{place}: it is not a JSON object", hint=_FORMS)
        if "message" in found:
            called = _CALLED.search(str(found["message"]))
            if called:
                moment = found.get("time", found.get("timestamp"))
                # CloudWatch's moments are whole milliseconds.
                unit = 1e-3 if isinstance(moment, int) else 1.0
                yield row, _seconds(moment, place, unit), called["model"].strip()
            continue
        time = next((found[name] for name in _TIME_COLUMNS if name in found), None)
        model = next((found[name] for name in _MODEL_COLUMNS if name in found), None)
        yield row, _seconds(time, place), _model(model, place)


def _from_log(file: IO[str], path: str) -> Trace:
    collected = _Collected(path, in_order=False)
    first: float | None = None
    for row, line in enumerate(file, 1):
        called = _CALLED.search(line)
        stamp = _STAMP.search(line) if called else None
        if called is None or stamp is None:
            continue
        place = f"{path} row {row}"
        try:
            moment = datetime(_YEAR, int(stamp["month"]), int(stamp["day"]), tzinfo=UTC).timestamp()
        except ValueError as error:
            raise MmeError(f"{place}: {stamp[0].strip()!r} is not a date", hint=_FORMS) from error
        clock = int(stamp["hour"]) * 3600 + int(stamp["minute"]) * 60 + float(stamp["second"])
        seconds = moment + clock
        first = seconds if first is None else first
        if first - seconds > _YEAR_SECONDS / 2:
            seconds += _YEAR_SECONDS  # the log passes the end of a year
        collected.add(row, seconds, called["model"].strip())
    return collected.trace()


def _seconds(value: object, place: str, unit: float = 1.0) -> float:
    """Return a time in seconds: a number of units, or a moment in ISO form, UTC without an offset."""
    if isinstance(value, str):
        text = value.strip()
        try:
            number = float(text)
        except ValueError:
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                number = math.nan
            else:
                number = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value) * unit
        except OverflowError:
            number = math.nan
    else:
        number = math.nan
    if abs(number) > _LATEST and math.isfinite(number):
        raise MmeError(
            f"{place}: {number:.15g} is not a time in seconds; it may be in milliseconds",
            hint="divide the times by 1000",
        )
    if not math.isfinite(number):
        raise MmeError(
            f"{place}: {shortened(repr(value), 80)} is not a time; use seconds or 2026-01-31T12:00:00Z",
            hint=_FORMS,
        )
    return number


def _model(value: object, place: str) -> str:
    name = value.strip() if isinstance(value, str) else ""
    if not name:
        raise MmeError(f"{place}: it names no model; it needs a TargetModel", hint=_FORMS)
    return name
