"""Turn a picture file into the input tensor of an image model. Needs Pillow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from mme.archives.signature import TensorSignature, TensorSpec
from mme.client.datatypes import Array
from mme.client.errors import TensorError
from mme.client.literals import NamedTensor, describe

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)
"""Of red, green and blue from 0 to 1. Source: torchvision's documentation, "Models"."""

DIGIT_SIZE: Final = (8, 8)
DIGIT_INK: Final = 16
"""The `digits` model reads 8x8 grey pixels from 0 (paper) to 16 (ink)."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """The layout of a picture input: declared lengths (-1: any) and the colour axis."""

    height: int
    width: int
    colour: bool
    channels_first: bool
    channel_axis: bool


def load_picture(path: Path, signature: TensorSignature | None) -> NamedTensor:
    """Read a picture as the input of a model.

    - Three channels, [3, H, W] or [H, W, 3]: cropped to the shape's ratio and resized; for floats scaled to
      0-1 and normalised with ImageNet's means, for UINT8 left at 0-255.
    - Grey 8x8: ink on paper as the `digits` model reads it, 0 to 16. The edge is taken as paper.
    - Other grey, [H, W] or [1, H, W]: 0-1 for floats, 0-255 for UINT8.

    Args:
        path: A picture that Pillow reads.
        signature: The model's tensors.

    Raises:
        TensorError: The file is not a picture, or the model has no picture input.
    """
    spec, layout = _picture_input(signature)
    picture = _opened(path)
    size = (
        layout.width if layout.width > 0 else picture.width,
        layout.height if layout.height > 0 else picture.height,
    )
    pixels = _colour(picture, size, spec) if layout.colour else _grey(picture, size, spec)
    if layout.colour and layout.channels_first:
        pixels = pixels.transpose(2, 0, 1)
    elif not layout.colour and layout.channel_axis:
        pixels = pixels[np.newaxis] if layout.channels_first else pixels[..., np.newaxis]
    batched = bool(signature and signature.max_batch_size > 0)
    array = np.ascontiguousarray(pixels[np.newaxis] if batched else pixels)
    return NamedTensor(spec.name, array, spec.datatype)


def _picture_input(signature: TensorSignature | None) -> tuple[TensorSpec, _Layout]:
    if signature is None or not signature.inputs:
        raise TensorError(
            "the inputs of this model are unknown, so a picture can't be resized for it",
            hint="check its name: mme models list; what mme models add did not publish needs its tensor: "
            "--input NAME=@file.npy",
        )
    for spec in signature.inputs:
        layout = _layout(spec)
        if layout:
            return spec, layout
    raise TensorError("the model takes no picture", hint=f"its inputs are: {describe(signature.inputs)}")


def _layout(spec: TensorSpec) -> _Layout | None:
    dims = spec.dims
    if spec.datatype not in ("FP16", "FP32", "FP64", "UINT8"):
        return None
    if len(dims) == 3 and dims[0] in (1, 3):
        return _Layout(dims[1], dims[2], dims[0] == 3, channels_first=True, channel_axis=True)
    if len(dims) == 3 and dims[2] in (1, 3):
        return _Layout(dims[0], dims[1], dims[2] == 3, channels_first=False, channel_axis=True)
    # Two dimensions are a picture only if both have a picture's size: [1, 4] is a row of numbers.
    if len(dims) == 2 and min(dims) >= DIGIT_SIZE[0]:
        return _Layout(dims[0], dims[1], colour=False, channels_first=False, channel_axis=False)
    return None


def _opened(path: Path) -> Image:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            # Phones store a rotated picture, with its orientation as metadata.
            return ImageOps.exif_transpose(opened).copy()
    except UnidentifiedImageError as error:
        raise TensorError(f"{path} is not a readable picture", hint="use PNG or JPEG") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TensorError(
            f"{path} can't be read: {reason.lower()}", hint="give the path of a PNG or JPEG file"
        ) from error


def _colour(picture: Image, size: tuple[int, int], spec: TensorSpec) -> Array:
    from PIL import Image, ImageOps

    fitted = ImageOps.fit(picture.convert("RGB"), size, method=Image.Resampling.BILINEAR)
    pixels = np.asarray(fitted)
    if spec.datatype == "UINT8":
        return pixels
    mean, std = np.array([IMAGENET_MEAN, IMAGENET_STD], dtype=np.float32)
    normalised: Array = (pixels.astype(np.float32) / 255 - mean) / std
    return normalised


def _grey(picture: Image, size: tuple[int, int], spec: TensorSpec) -> Array:
    from PIL import Image, ImageOps

    # Transparent parts are paper.
    rgba = picture.convert("RGBA")
    grey = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("L")
    full = np.asarray(grey)
    edge = np.concatenate([full[0], full[-1], full[:, 0], full[:, -1]])
    paper = int(np.median(edge))
    # Averaging areas is how the digits were made from larger pictures; the whole picture stays in sight.
    padded = ImageOps.pad(grey, size, method=Image.Resampling.BOX, color=paper)
    pixels = np.asarray(padded)
    if size == DIGIT_SIZE:
        ink = 255 - pixels if paper > 127 else pixels
        return ink.astype(np.float32) * np.float32(DIGIT_INK / 255)
    return pixels if spec.datatype == "UINT8" else pixels.astype(np.float32) / 255
