"""Read the sizes of models from a CSV file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from mme.errors import MmeError, shortened
from mme.plan.models.model_fleet import ModelSize

_COLUMNS: Final = "the columns are model, unpacked_bytes and, if known, archive_bytes"


def read_sizes(path: Path) -> list[ModelSize]:
    """Return the models of a CSV file with the columns model, unpacked_bytes and archive_bytes.

    Raises:
        MmeError: A row is invalid, or there are none. Messages name the row.
    """
    found: dict[str, ModelSize] = {}
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file)
        try:
            for row in rows:
                cells = [cell.strip() for cell in row]
                if not any(cells) or (rows.line_num == 1 and cells[0].lower() == "model"):
                    continue
                place = f"{path} row {rows.line_num}"
                if len(cells) < 2 or not cells[0]:
                    raise MmeError(f"{place}: {shortened(','.join(row), 80)!r} has no size", hint=_COLUMNS)
                if cells[0] in found:
                    raise MmeError(f"{place}: {cells[0]} is there twice", hint="remove one of the rows")
                unpacked = _bytes(cells[1], place)
                archive = _bytes(cells[2], place) if len(cells) > 2 and cells[2] else unpacked
                found[cells[0]] = ModelSize(cells[0], unpacked, archive)
        except csv.Error as error:
            raise MmeError(f"{path} row {rows.line_num}: {error}", hint=_COLUMNS) from error
    if not found:
        raise MmeError(f"{path} has no models", hint=_COLUMNS)
    return list(found.values())


def _bytes(text: str, place: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**53:
        raise MmeError(f"{place}: {shortened(text, 80)!r} is not a size in bytes", hint=_COLUMNS)
    return int(text)
