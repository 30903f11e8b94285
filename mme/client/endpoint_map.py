"""Spread models over several endpoints: rendezvous hashing moves as few models as possible when one is added.

Each model goes to the endpoint with the highest hash of both names. All endpoints have the same bucket and
prefix, so publishing and aliases stay as they are.

Source: D. Thaler, C. Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on
Networking 6 (1), 1998.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mme.errors import MmeError
from mme.registry.names import model_of

if TYPE_CHECKING:
    from mme.client.datatypes import Array
    from mme.client.multi_model_client import MultiModelClient, Reply

_FORMAT: Final = "mme-endpoint-map-1"
_MOST: Final = 1000


@dataclass(frozen=True)
class EndpointMap:
    """Which endpoint serves which model.

    All versions of a model are on one endpoint, so that an alias can change its version.

    Attributes:
        endpoints: Names of the endpoints.
    """

    endpoints: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.endpoints) <= _MOST or len(set(self.endpoints)) != len(self.endpoints):
            raise MmeError(
                f"{len(self.endpoints)} endpoints can't be a map; there must be 1 to {_MOST} different ones",
                hint="set --endpoints, such as 4",
            )

    @classmethod
    def numbered(cls, name: str, count: int) -> EndpointMap:
        """Return a map of `NAME-0`, `NAME-1`, ...

        Args:
            name: Start of the endpoints' names.
            count: How many.
        """
        return cls(tuple(f"{name}-{number}" for number in range(count)))

    def endpoint_of(self, target: str) -> str:
        """Return the endpoint of a TargetModel, an alias or a model's name; the same in every process."""
        name = model_of(target.partition("@")[0])
        return max(self.endpoints, key=lambda endpoint: (_hash(endpoint, name), endpoint))

    def split(self, targets: Sequence[str]) -> dict[str, list[str]]:
        """Return the models of each endpoint, in their order."""
        found: dict[str, list[str]] = {endpoint: [] for endpoint in self.endpoints}
        for target in targets:
            found[self.endpoint_of(target)].append(target)
        return found

    def write(self, path: Path, targets: Sequence[str], weights: Mapping[str, int]) -> None:
        """Write the map with its models, whole or not at all.

        Args:
            path: The file.
            targets: TargetModels.
            weights: Bytes in memory of each.
        """
        split = self.split(targets)
        content = {
            "format": _FORMAT,
            "endpoints": [
                {"name": endpoint, "memory_bytes": sum(weights[one] for one in models), "models": models}
                for endpoint, models in split.items()
            ],
        }
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            part.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    @classmethod
    def read(cls, path: Path) -> EndpointMap:
        """Read a map.

        Raises:
            MmeError: The file is not one.
        """
        try:
            content: Any = json.loads(path.read_text("utf-8"))
            if content["format"] != _FORMAT:
                raise ValueError(f"its format is {content['format']!r}")
            names = tuple(str(one["name"]) for one in content["endpoints"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise MmeError(
                f"{path} is not a map of endpoints: {error}",
                hint="write one: mme plan --endpoints 4 --map FILE",
            ) from error
        return cls(names)


class MultiEndpointClient:
    """Calls each model on its endpoint.

    Args:
        endpoints: Which endpoint serves which model.
        create: Makes the client of an endpoint, once for each. Default: `MultiModelClient` of its name.
    """

    def __init__(
        self, endpoints: EndpointMap, create: Callable[[str], MultiModelClient] | None = None
    ) -> None:
        self._endpoints = endpoints
        self._create = create or _default_client
        self._clients: dict[str, MultiModelClient] = {}

    def client_of(self, target: str) -> MultiModelClient:
        """Return the client of the endpoint of a TargetModel or an alias."""
        endpoint = self._endpoints.endpoint_of(target)
        # Two threads may both make one; the first stays.
        return self._clients.get(endpoint) or self._clients.setdefault(endpoint, self._create(endpoint))

    def infer(self, model: str, inputs: Mapping[str, Array], **options: Any) -> dict[str, Array]:
        """Run one inference request.

        Args:
            model: Target model or alias.
            inputs: Tensor name to array.
            options: As of `MultiModelClient.infer`.
        """
        return self.client_of(model).infer(model, inputs, **options)

    def invoke(self, model: str, body: bytes, **options: Any) -> Reply:
        """Send bytes unchanged.

        Args:
            model: Target model or alias.
            body: The request.
            options: As of `MultiModelClient.invoke`.
        """
        return self.client_of(model).invoke(model, body, **options)


def _default_client(endpoint: str) -> MultiModelClient:
    from mme.client.multi_model_client import MultiModelClient

    return MultiModelClient(endpoint)


def _hash(endpoint: str, name: str) -> bytes:
    return hashlib.blake2b(f"{endpoint}\0{name}".encode(), digest_size=8).digest()
