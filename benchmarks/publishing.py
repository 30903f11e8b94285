"""How fast models are published to a real S3 server, against packing to disk and `upload_file`.

The baseline packs each model to disk with tarfile, makes a boto3 client and calls `upload_file`, one by one.
It publishes unchanged models again. The server is SeaweedFS on localhost, once directly and once behind 20 ms
of round trip.

Run it: python -m benchmarks.publishing [--json]
"""

from __future__ import annotations

import tarfile
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from timeit import timeit
from typing import Final

from benchmarks.report import compared, report
from benchmarks.s3_server import BUCKET, client, far_away, s3_server
from benchmarks.sample_models import peak_memory, write_model, write_registry
from mme.registry import ModelStore, find_models, publish_all

SMALL: Final = 100_000
COUNT: Final = 200
LARGE: Final = 200_000_000
ROUNDS: Final = 3
ROUND_TRIP_MS: Final = 20
MEMORY_MB: Final = 200

_MEMORY: Final = """
from benchmarks.s3_server import BUCKET, client
from mme.registry import ModelStore, find_models, publish_all
url, *paths = sys.argv[1:]
publish_all(ModelStore(client(url), BUCKET, "memory/"), find_models(paths).models)
"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        registry = write_registry(here / "registry", COUNT, SMALL)
        large = write_model(here / "large", LARGE)
        with s3_server(here / "s3") as url:
            rows = _rows(url, "200 models of 100 KB", registry, (4, 3))
            rows += _rows(url, "one of 200 MB", large, (8, 10))
            needed = peak_memory(_MEMORY, url, str(registry), str(large))
            what = f"memory for all of that at once ({MEMORY_MB} MB or less)"
            rows.append(compared(what, MEMORY_MB, needed, "MB", 1))
            with far_away(url, ROUND_TRIP_MS) as slow:
                rows += _rows(slow, f"200 of 100 KB, {ROUND_TRIP_MS} ms away", registry, (10, 8))
    report("publishing to SeaweedFS; baseline: tarfile + upload_file", rows)


def _rows(url: str, what: str, path: Path, goals: tuple[float, float]) -> list[dict[str, object]]:
    """Measure publishing a model or a registry for the first time, and again with nothing changed."""
    models = [path] if (path / "config.pbtxt").exists() else sorted(path.iterdir())
    theirs, first, again = [], [], []
    # In turns, so that other work on the machine affects all of them.
    for _ in range(ROUNDS):
        prefix = f"run-{time.time_ns()}"
        theirs.append(timeit(partial(_baseline, url, models, f"{prefix}-baseline/"), number=1))
        ours = partial(_ours, url, path, f"{prefix}/")
        first.append(timeit(ours, number=1))
        again.append(timeit(ours, number=1))
    return [
        compared(what, median(theirs), median(first), "s", goals[0]),
        compared(f"{what}, nothing changed", median(theirs), median(again), "s", goals[1]),
    ]


def _baseline(url: str, models: list[Path], prefix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            archive = Path(folder) / f"{model.name}_v0.tar.gz"
            with tarfile.open(archive, "w:gz") as tar:
                tar.add(model, arcname=".")
            client(url).upload_file(str(archive), BUCKET, f"{prefix}{archive.name}")
            archive.unlink()


def _ours(url: str, path: Path, prefix: str) -> None:
    publish_all(ModelStore(client(url), BUCKET, prefix), find_models([path]).models)


if __name__ == "__main__":
    main()
