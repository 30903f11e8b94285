"""Memory runs short: 507, eviction and reload.

A model is short of memory here while another, the hog, is loaded on the same machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.case import case
from tests.conformance.local_runtime import PADDING
from tests.conformance.target import Target

OWN_ERROR = "if the program raises the toolkit's own error with 507; of a MemoryError the toolkit makes 500"


@pytest.fixture
def flag(fresh: Target, request: pytest.FixtureRequest) -> Iterator[str]:
    """Names the file that is there while the hog is loaded; on the local endpoint, of this machine."""
    name = f"{fresh.folder}-{request.function.__name__}"
    yield name
    (Path(tempfile.gettempdir()) / name).unlink(missing_ok=True)


@case("a load that is short of memory (507) unloads others and is tried again")
def test_short_at_load(fresh: Target, flag: str) -> None:
    hog, other = (
        fresh.publish("hog", fresh.models.hog(flag)),
        fresh.publish("short", fresh.models.short_at_load(flag)),
    )
    before = fresh.call(hog).tensor("LOAD")
    assert fresh.call(other).tensor("Y") == [3]
    after = fresh.call(hog).tensor("LOAD")
    if fresh.instances == 1:  # else the other may have gone to another one
        assert after != before, "it was unloaded, and came back"


@case("a call that is short of memory (507) unloads others and is tried again", mms=OWN_ERROR)
def test_short_at_call(fresh: Target, flag: str) -> None:
    hog, other = (
        fresh.publish("hog", fresh.models.hog(flag)),
        fresh.publish("short", fresh.models.short_at_call(flag)),
    )
    fresh.call(hog)
    assert fresh.call(other).tensor("Y") == [5]


@case("a model that is short of memory alone is a ModelError with the container's 507")
def test_short_for_good(fresh: Target) -> None:
    with pytest.raises(fresh.exceptions.ModelError, match="CUDA out of memory") as caught:
        fresh.call(fresh.publish("short-for-good", fresh.models.ALWAYS_SHORT))
    assert caught.value.response["OriginalStatusCode"] == 507


@case(
    "with full memory, the least recently used model is evicted, and loaded again when called",
    local_only="needs an instance with a known amount of memory",
)
def test_least_recently_used_leaves(fresh: Target) -> None:
    one, two, three = (fresh.publish("large", fresh.models.times(n, padding=PADDING)) for n in (1, 2, 3))
    first, second = fresh.call(one).tensor("LOAD"), fresh.call(two).tensor("LOAD")
    assert fresh.call(one).tensor("LOAD") == first
    assert fresh.call(three).tensor("Y") == [3]
    assert fresh.call(one).tensor("LOAD") == first, "it was used after the other"
    again = fresh.call(two)
    assert again.tensor("Y") == [2]
    assert again.tensor("LOAD") != second
