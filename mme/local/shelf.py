"""The disk of one instance: unpacked models, kept after their unload until others need the room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Set
from pathlib import Path

from mme.local.artifact import Artifact

Fetch = Callable[[str, Path], Awaitable[Artifact]]
"""Downloads the archive of a target model and unpacks it into the folder it is given."""


class ArtifactShelf:
    """Unpacked models by name. As on SageMaker, a model on disk is not downloaded again, even where
    its archive was replaced or deleted in S3 (AWS developer guide, "add-models-to-endpoint").

    Args:
        folder: where they go; made when needed.
        fetch: brings one.
        budget: bytes that all together may take before those not in memory leave, oldest first.
    """

    def __init__(self, folder: Path, fetch: Fetch, budget: int) -> None:
        self._folder = folder
        self._fetch = fetch
        self._budget = budget
        self._artifacts: dict[str, Artifact] = {}

    async def get(self, model: str, handle: str, *, sparing: Set[str]) -> Artifact:
        """The model's files, downloaded where they are not here.

        Args:
            model: the target model.
            handle: name of its folder.
            sparing: models that may not leave to make room.

        Raises:
            Exception: whatever the download raises; nothing is left of it then.
        """
        known = self._artifacts.get(model)
        if known is None:
            known = await self._fetch(model, self._folder / handle)
            self._artifacts[model] = known
            self._trim({model, *sparing})
        return known

    def forget(self, model: str) -> None:
        """Delete a model's files, where they are here."""
        artifact = self._artifacts.pop(model, None)
        if artifact:
            artifact.remove()

    def clear(self) -> None:
        """Delete everything."""
        for model in list(self._artifacts):
            self.forget(model)

    def _trim(self, sparing: Set[str]) -> None:
        total = sum(artifact.unpacked_bytes for artifact in self._artifacts.values())
        for model in [model for model in self._artifacts if model not in sparing]:
            if total <= self._budget:
                return
            total -= self._artifacts[model].unpacked_bytes
            self.forget(model)
