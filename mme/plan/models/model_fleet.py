"""The models of an endpoint with their sizes and the times that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mme.errors import MmeError
from mme.plan.models.assumptions import Assumptions

if TYPE_CHECKING:
    from mme.registry.model_store import ModelRecord

_MB = 1e6


@dataclass(frozen=True)
class ModelSize:
    """The size of one model.

    Attributes:
        model: The TargetModel.
        unpacked_bytes: Bytes of its files.
        archive_bytes: Bytes of its archive in S3.
    """

    model: str
    unpacked_bytes: int
    archive_bytes: int


@dataclass(frozen=True)
class ModelFleet:
    """Models by index, as arrays of shape (models,).

    Attributes:
        names: The TargetModels.
        unpacked: Bytes of each model's files.
        archives: Bytes of each archive.
        assumptions: What follows from the sizes.
        guessed: Models of the traffic whose size is unknown: they have the median size.
    """

    names: tuple[str, ...]
    unpacked: NDArray[np.int64]
    archives: NDArray[np.int64]
    assumptions: Assumptions
    guessed: int = 0

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def weights(self) -> NDArray[np.int64]:
        """Bytes of each in memory."""
        return np.maximum(1, (self.unpacked * self.assumptions.weight_factor).astype(np.int64))

    @property
    def weight_of(self) -> dict[str, int]:
        """Bytes in memory by TargetModel."""
        return dict(zip(self.names, self.weights.tolist(), strict=True))

    @cached_property
    def load_seconds(self) -> NDArray[np.float64]:
        """Seconds of each load from the disk, without evictions."""
        rate = self.assumptions.load_mb_per_second * _MB
        return self.assumptions.load_seconds + self.unpacked / rate

    @cached_property
    def download_seconds(self) -> NDArray[np.float64]:
        """Seconds of each download."""
        rate = self.assumptions.download_mb_per_second * _MB
        return self.assumptions.download_seconds + self.archives / rate

    def of(self, chosen: NDArray[np.int64]) -> ModelFleet:
        """Return some of the models, by index."""
        names = tuple(self.names[number] for number in chosen.tolist())
        return ModelFleet(names, self.unpacked[chosen], self.archives[chosen], self.assumptions)

    def with_assumptions(self, assumptions: Assumptions) -> ModelFleet:
        """Return the same models under other assumptions."""
        return ModelFleet(self.names, self.unpacked, self.archives, assumptions, self.guessed)


def sizes_of_records(records: Iterable[ModelRecord]) -> list[ModelSize]:
    """Return the sizes of published models; an archive without metadata counts with its compressed size."""
    return [
        ModelSize(one.target_model, one.unpacked_bytes or one.size, one.size) for one in records if one.size
    ]


def fleet_of(
    sizes: Sequence[ModelSize], names: Sequence[str], assumptions: Assumptions, *, source: str, traffic: str
) -> ModelFleet:
    """Return the models of some traffic, in its order.

    A model that is not published any more gets the median size. If that holds for most, the traffic is
    another endpoint's.

    Args:
        sizes: All published models.
        names: TargetModels of the traffic.
        assumptions: How instances and containers behave.
        source: Where the sizes are from, for messages.
        traffic: Where the traffic is from, for messages.

    Raises:
        MmeError: There are no models, or most of the traffic's are unknown.
    """
    known = {one.model: one for one in sizes}
    if not known:
        raise MmeError(f"{source} has no models", hint="publish some: mme models add, or give --models FILE")
    unknown = [name for name in names if name not in known]
    if len(unknown) * 2 > len(names):
        raise MmeError(
            f"{traffic} calls {unknown[0]}, which is not in {source}, nor are {len(unknown)} of its "
            f"{len(names)} models; is it the traffic of another endpoint?",
            hint="select the endpoint with --env or --endpoint-name, or give the sizes with --models FILE",
        )
    unpacked = int(np.median([one.unpacked_bytes for one in sizes]))
    archive = int(np.median([one.archive_bytes for one in sizes]))
    found = [known.get(name, ModelSize(name, unpacked, archive)) for name in names]
    return ModelFleet(
        tuple(names),
        np.array([one.unpacked_bytes for one in found], np.int64),
        np.array([one.archive_bytes for one in found], np.int64),
        assumptions,
        len(unknown),
    )
