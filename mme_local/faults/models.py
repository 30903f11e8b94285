"""The models that faults concern: of every endpoint that is deployed here."""

from __future__ import annotations

from mme_local.aws.control_plane import ObjectMissing, head_object, list_endpoints
from mme_local.endpoint.data_plane import DataPlane


class EndpointModels:
    """Looks them up where they are now.

    Args:
        data_plane: of the runtime.
    """

    def __init__(self, data_plane: DataPlane) -> None:
        self._data_plane = data_plane

    def published(self, model: str) -> bool:
        """Whether an endpoint has this model in S3."""
        return any(_is_there(prefix + model) for prefix in self._prefixes())

    async def unload_idle(self, model: str) -> None:
        """Let a model go from the memory and the disk of every instance that does not use it now."""
        await self._data_plane.unload_idle(model)

    def _prefixes(self) -> set[str]:
        """Without ``s3://``. An endpoint that was just created is not served yet, one elsewhere is."""
        deployed = {
            container.model_data_url
            for endpoint in list_endpoints()
            for variant in endpoint.variants
            for container in variant.containers
            if container.mode == "MultiModel"
        }
        served = {str(endpoint["models"]) for endpoint in self._data_plane.describe()}
        return {url.removeprefix("s3://") for url in deployed | served}


def _is_there(path: str) -> bool:
    bucket, _, key = path.partition("/")
    try:
        head_object(bucket, key)
    except ObjectMissing:
        return False
    return True
