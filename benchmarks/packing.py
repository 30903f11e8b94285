"""How fast models are packed, against tarfile's own gzip.

The baseline is `tarfile.open(path, "w:gz")` with its default, gzip level 9. Both write to the same disk.
Run it: python -m benchmarks.packing [--json]
"""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.report import compared, report
from benchmarks.sample_models import peak_memory, write_model, write_registry
from mme.archives.check import check_model
from mme.archives.model_directory import scan_directory
from mme.archives.packing import write_archive

LARGE: Final = 200_000_000
HUGE: Final = 1_000_000_000
SMALL: Final = 100_000
COUNT: Final = 200
ROUNDS: Final = 3

_MEMORY: Final = """
from mme.archives.packing import write_archive
from mme.archives.check import check_model
class Sink:
    def write(self, data): return len(data)
    def flush(self): pass
write_archive(check_model(sys.argv[1]).directory, Sink())
"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        large = write_model(here / "large", LARGE)
        small = sorted(write_registry(here / "small", COUNT, SMALL).iterdir())
        archive = here / "x.tar.gz"
        rows = [
            *_rows(here, "200 MB", [large], 15),
            *_rows(here, "200 models of 100 KB", small, 6),
        ]
        _pack(large, archive)
        first = hashlib.sha256(archive.read_bytes()).hexdigest()
        _pack(large, archive)
        assert hashlib.sha256(archive.read_bytes()).hexdigest() == first  # noqa: S101
        ours_size = archive.stat().st_size
        _baseline(large, archive)
        rows.append(compared("size of the 200 MB one", archive.stat().st_size / 1e6, ours_size / 1e6, "MB"))
        huge = write_model(here / "huge", HUGE)
        rows += [
            compared(f"memory for {size} (100 MB or less)", 100, peak_memory(_MEMORY, str(model)), "MB", 1)
            for size, model in (("200 MB", large), ("1 GB", huge))
        ]
    report("packing; baseline: tarfile gzip", rows)


def _rows(here: Path, what: str, models: list[Path], goal: float) -> list[dict[str, object]]:
    """Measure wall time, CPU time, which other work hardly changes, and wall time with checks."""
    archive = here / "x.tar.gz"
    measured: dict[Callable[[Path, Path], None], list[tuple[float, float]]] = {
        _baseline: [],
        _pack: [],
        _check_and_pack: [],
    }
    # In turns, so that other work on the machine affects all of them.
    for _ in range(ROUNDS):
        for pack, seconds in measured.items():
            for _ in range(1 if pack is _baseline else 3):
                began = time.perf_counter(), time.process_time()
                for model in models:
                    pack(model, archive)
                seconds.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    (clock, processor), ours, checked = (
        (median(one[0] for one in seconds), median(one[1] for one in seconds))
        for seconds in measured.values()
    )
    return [
        compared(what, clock, ours[0], "s", goal),
        compared(f"{what}, CPU time", processor, ours[1], "s"),
        compared(f"{what}, checked before", clock, checked[0], "s"),
    ]


def _baseline(model: Path, archive: Path) -> None:
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(model, arcname=".")


def _pack(model: Path, archive: Path) -> None:
    with archive.open("wb") as file:
        write_archive(scan_directory(model), file)


def _check_and_pack(model: Path, archive: Path) -> None:
    with archive.open("wb") as file:
        write_archive(check_model(model).directory, file)


if __name__ == "__main__":
    main()
