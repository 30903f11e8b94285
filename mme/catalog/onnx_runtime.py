"""Which ONNX Runtime is in AWS's Triton images, and which models it loads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from mme.catalog.images import version_key
from mme.catalog.records import record


@dataclass(frozen=True, kw_only=True)
class OnnxRuntime:
    """The ONNX Runtime of a Triton image.

    Attributes:
        image: Triton's version, such as `26.05`.
        version: Of ONNX Runtime.
        opset: Newest version of the standard operator set that it loads.
        ir_version: Newest version of ONNX's file format that it loads.
    """

    image: str
    version: str
    opset: int
    ir_version: int


@cache
def onnx_runtimes() -> tuple[OnnxRuntime, ...]:
    """Return the ONNX Runtime of every Triton image, oldest first. Source: `data/onnx_runtime.json`."""
    data = record("onnx_runtime")
    return tuple(
        OnnxRuntime(
            image=image,
            version=version,
            opset=data["limits"][version][0],
            ir_version=data["limits"][version][1],
        )
        for image, version in sorted(data["triton"].items(), key=lambda item: version_key(item[0]))
    )


def onnx_runtime_of(image_version: str | None) -> OnnxRuntime | None:
    """Return the ONNX Runtime of a Triton image; of the newest if None is given, None if it is not known."""
    if image_version is None:
        return onnx_runtimes()[-1]
    return next((known for known in onnx_runtimes() if known.image == image_version), None)
