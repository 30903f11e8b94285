"""Fuzz one target, guided by coverage: python -m tests.fuzz.run TARGET [options of libFuzzer].

New inputs go to .venv/fuzz-corpus/TARGET; an input that fails is written to .venv/fuzz-findings/.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Final

import atheris  # type: ignore[import-not-found]

ROOT: Final = Path(__file__).parents[2]
_STRUCTURED: Final = 0.5
"""Share of the mutations that change a node of a JSON document instead of bytes."""


def main(target: str, *options: str) -> None:
    """Fuzz until a limit of libFuzzer is reached, or an input fails.

    Args:
        target: Name of the target.
        options: Options of libFuzzer, such as `-max_total_time=600`.
    """
    found = ROOT / ".venv" / "fuzz-corpus" / target
    findings = ROOT / ".venv" / "fuzz-findings"
    for folder in (found, findings):
        folder.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=["mme", "mme_local", "tarfile", "yaml", "aiohttp", "numpy.lib"]):
        from tests.fuzz.mutation import mutate_json
        from tests.fuzz.targets import TARGETS

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        chance = random.Random(seed)  # noqa: S311 - libFuzzer's own seed
        mutated = mutate_json(data, chance) if chance.random() < _STRUCTURED else None
        return atheris.Mutate(data, max_size) if mutated is None else mutated[:max_size]

    corpora = [str(found), str(Path(__file__).parent / "corpus" / target)]
    limits = ["-timeout=20", "-rss_limit_mb=2048", f"-artifact_prefix={findings}/{target}-"]
    atheris.Setup([sys.argv[0], *limits, *options, *corpora], TARGETS[target], custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
