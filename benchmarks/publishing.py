"""How fast models are published to a real S3 server, against packing to disk and `upload_file`.

The baseline packs each model to disk with tarfile, makes a boto3 client and calls `upload_file`, one by one.
It publishes unchanged models again. The server is SeaweedFS on localhost, once directly and once behind 20 ms
of round trip. If the `aws` command is installed, or BENCHMARK_AWS names it, `aws s3 cp --recursive` of packed
archives is measured too.

Run it: python -m benchmarks.publishing [--json]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.report import Row, report
from benchmarks.s3_server import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, client, far_away, s3_server
from benchmarks.sample_models import write_model, write_registry
from mme.registry import ModelStore, find_models, publish_all

SMALL: Final = 100_000
COUNT: Final = 200
LARGE: Final = 200_000_000
ROUNDS: Final = 3
ROUND_TRIP_MS: Final = 20
MEMORY_MB: Final = 200

_MEMORY = """
import re, sys
from pathlib import Path
from benchmarks.s3_server import BUCKET, client, session
from mme.registry import ModelStore, find_models, publish_all
url, prefix, *paths = sys.argv[1:]
store = ModelStore(client(url), BUCKET, prefix)
publish_all(store, find_models(paths).models)
# Not getrusage: that starts with the memory of the parent process.
print(int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024)
"""


class Measured:
    """Publishes the same models in both ways, to a new prefix each time.

    Args:
        here: A directory for temporary archives.
        url: The server's URL.
    """

    def __init__(self, here: Path, url: str) -> None:
        self._here = here
        self._url = url
        self._count = 0

    def prefix(self) -> str:
        """Return an unused prefix."""
        self._count += 1
        return f"run-{time.time_ns()}-{self._count}/"

    def baseline(self, models: list[Path]) -> float:
        """Return the seconds of the baseline."""
        prefix = self.prefix()

        def run() -> None:
            for model in models:
                archive = self._here / f"{model.name}_v0.tar.gz"
                with tarfile.open(archive, "w:gz") as tar:
                    tar.add(model, arcname=".")
                s3 = client(self._url)
                s3.upload_file(str(archive), BUCKET, f"{prefix}{archive.name}")
                archive.unlink()

        return _seconds(run)

    def ours(self, path: Path, prefix: str) -> float:
        """Return the seconds of `publish_all`, from the path to the last result, with a new client.

        Args:
            path: A model or a registry.
            prefix: Where to publish.
        """

        def run() -> None:
            store = ModelStore(client(self._url), BUCKET, prefix)
            publish_all(store, find_models([path]).models)

        return _seconds(run)

    def memory(self, paths: list[Path]) -> Row:
        """Return the peak memory of one command for all models, Python and imports included."""
        command = [sys.executable, "-c", _MEMORY, self._url, self.prefix(), *map(str, paths)]
        needed = int(subprocess.check_output(command, timeout=600)) / 1e6
        return Row(f"memory for all of that at once ({MEMORY_MB} MB or less)", MEMORY_MB, needed, "MB", 1)

    def rows(
        self, what: str, path: Path, models: list[Path], goal: float, unchanged_goal: float
    ) -> list[Row]:
        """Measure publishing for the first time, and again with nothing changed.

        Args:
            what: The name of the first row.
            path: A model or a registry.
            models: The models in it.
            goal: The wanted ratio for the first time.
            unchanged_goal: The wanted ratio with nothing changed.
        """
        theirs, first, again = [], [], []
        # In turns, so that other work on the machine affects all of them.
        for _ in range(ROUNDS):
            theirs.append(self.baseline(models))
            prefix = self.prefix()
            first.append(self.ours(path, prefix))
            again.append(self.ours(path, prefix))
        baseline = median(theirs)
        return [
            Row(what, baseline, median(first), "s", goal),
            Row(f"{what}, nothing changed", baseline, median(again), "s", unchanged_goal),
        ]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        registry = write_registry(here / "registry", COUNT, SMALL)
        models = sorted(registry.iterdir())
        large = write_model(here / "large", LARGE)
        with s3_server(here / "s3") as url:
            direct = Measured(here, url)
            rows = direct.rows("200 models of 100 KB", registry, models, 4, 3)
            rows += direct.rows("one of 200 MB", large, [large], 8, 10)
            rows.append(direct.memory([registry, large]))
            rows += _copying(here, url, direct, registry, models)
            with far_away(url, ROUND_TRIP_MS) as slow:
                rows += Measured(here, slow).rows(
                    f"200 of 100 KB, {ROUND_TRIP_MS} ms away", registry, models, 10, 8
                )
    report("Publishing to SeaweedFS", "tarfile + upload_file", rows)


def _copying(here: Path, url: str, direct: Measured, registry: Path, models: list[Path]) -> list[Row]:
    """Compare `aws s3 cp --recursive` of packed archives with `publish_all`, which also packs them."""
    aws = os.environ.get("BENCHMARK_AWS") or shutil.which("aws")
    if aws is None:
        return []
    ready = here / "ready"
    ready.mkdir()
    for model in models:
        with tarfile.open(ready / f"{model.name}_v0.tar.gz", "w:gz") as tar:
            tar.add(model, arcname=".")
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
    }

    def copy() -> None:
        command = [aws, "s3", "cp", "--recursive", "--quiet", str(ready), f"s3://{BUCKET}/{direct.prefix()}"]
        subprocess.run(command, env=environment, check=True, timeout=300)

    theirs = median(_seconds(copy) for _ in range(ROUNDS))
    ours = median(direct.ours(registry, direct.prefix()) for _ in range(ROUNDS))
    return [Row("200 of 100 KB [aws s3 cp, packed before]", theirs, ours, "s", 1)]


def _seconds(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
