"""What decides whether an archive can be served on an endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mme.catalog.hosting_types import hosting_types, unknown_type
from mme.catalog.images import Processor, version_key
from mme.catalog.instances import InstanceType, instance_type

_WITHOUT_TENSORFLOW: Final = "25.04"
"""AWS's first Triton image without the TensorFlow backend. Source: triton-inference-server/server, whose
build.py has it up to release 25.03; AWS publishes 25.04 next."""


@dataclass(frozen=True, slots=True)
class EndpointTraits:
    """Where the archive is to be served; None for what is not known.

    Attributes:
        processor: What models compute on.
        instance: The type, if the catalog describes it.
        image_version: Of the serving image, such as `26.05`.
        framework: Its container's, by its short name in the catalog.
    """

    processor: Processor | None = None
    instance: InstanceType | None = None
    image_version: str | None = None
    framework: str | None = None

    @classmethod
    def of(
        cls,
        processor: Processor | None,
        instance_name: str | None,
        image_version: str | None,
        framework: str | None = None,
    ) -> EndpointTraits:
        """Look up the instance type, which decides the processor if none is given.

        Args:
            processor: What models compute on.
            instance_name: The instance type, such as `ml.g5.xlarge`.
            image_version: Of the serving image, such as `26.05`.
            framework: Its container's, by its short name in the catalog.

        Raises:
            MmeError: There is no such instance type.
        """
        if instance_name is None:
            return cls(processor, None, image_version, framework)
        if instance_name not in hosting_types():
            raise unknown_type(instance_name)
        kind = instance_type(instance_name)
        if processor is None and kind is not None:
            processor = Processor.GPU if kind.gpus else Processor.CPU
        return cls(processor, kind, image_version, framework)

    @property
    def lacks_tensorflow(self) -> bool | None:
        """Whether the image has no TensorFlow backend; None if its version is not known."""
        if self.image_version is None:
            return None
        return version_key(self.image_version) >= version_key(_WITHOUT_TENSORFLOW)
