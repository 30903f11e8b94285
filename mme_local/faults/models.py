"""The models that faults may be set for: those of all endpoints."""

from __future__ import annotations

from mme_local.aws.control_plane import ObjectMissing, head_object, list_endpoints
from mme_local.endpoint.data_plane import DataPlane


class EndpointModels:
    """Models of the endpoints that are deployed, and their copies on instances.

    Args:
        data_plane: the runtime's data plane.
    """

    def __init__(self, data_plane: DataPlane) -> None:
        self._data_plane = data_plane
        self.unload_idle = data_plane.unload_idle

    def has_model(self, model: str) -> bool:
        """Return whether an endpoint has this model in S3."""
        # An endpoint that was just created is not served yet; one of another region is not listed.
        urls = {str(endpoint["models"]) for endpoint in self._data_plane.describe()}
        urls |= {
            container.model_data_url
            for endpoint in list_endpoints()
            for variant in endpoint.variants
            for container in variant.containers
            if container.mode == "MultiModel"
        }
        return any(_exists(f"{url.removeprefix('s3://')}{model}") for url in urls)


def _exists(path: str) -> bool:
    bucket, _, key = path.partition("/")
    try:
        head_object(bucket, key)
    except ObjectMissing:
        return False
    return True
