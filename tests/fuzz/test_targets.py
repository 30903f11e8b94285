"""Each fuzz target runs on its corpus and on mutations of it. `make fuzz` searches longer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutation import mutate_json
from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"


def corpus(target: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


def mutations(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """Seeds with one span replaced by arbitrary bytes, or by a span of another seed."""

    def mutated(seed: bytes, other: bytes, span: tuple[float, float], new: bytes | None) -> bytes:
        start, end = sorted(int(part * len(seed)) for part in span)
        return seed[:start] + (other[start:end] if new is None else new) + seed[end:]

    share = st.floats(0, 1)
    seed = st.sampled_from(seeds)
    return st.builds(mutated, seed, seed, st.tuples(share, share), st.none() | st.binary(max_size=8))


@pytest.mark.parametrize("target", TARGETS)
def test_corpus(target: str) -> None:
    for data in corpus(target):
        TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_mutations(target: str) -> None:
    seeds = corpus(target)
    structured = st.builds(mutate_json, st.sampled_from(seeds), st.randoms(use_true_random=False))

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(mutations(seeds) | structured.map(lambda data: data or b""))
    def run(data: bytes) -> None:
        TARGETS[target](data)

    run()
