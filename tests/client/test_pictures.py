"""Pictures are converted to a model's input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mme.archives.check import check_model
from mme.archives.signature import TensorSignature, TensorSpec
from mme.client import TensorError
from mme.client.pictures import load_picture
from model_registry.digits_data import held_out

REGISTRY = Path(__file__).parents[2] / "model_registry"
PYTORCH = TensorSignature(inputs=(TensorSpec("INPUT__0", "FP32", (3, 224, 224)),), max_batch_size=32)
DIGITS = TensorSignature(inputs=(TensorSpec("image", "FP32", (8, 8)),), max_batch_size=128)


def saved(tmp_path: Path, picture: Image.Image, name: str = "p.png", **options: object) -> Path:
    picture.save(tmp_path / name, **options)
    return tmp_path / name


def test_colours_as_imagenet_models_want_them(tmp_path: Path) -> None:
    tensor = load_picture(saved(tmp_path, Image.new("RGB", (400, 300), (255, 0, 51))), PYTORCH)
    assert (tensor.name, tensor.array.shape, tensor.array.dtype) == ("INPUT__0", (1, 3, 224, 224), np.float32)
    expected = [(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (0.2 - 0.406) / 0.225]
    for channel, value in enumerate(expected):
        np.testing.assert_allclose(tensor.array[0, channel], value, atol=1e-5)


def test_cropped_from_the_middle_not_squeezed(tmp_path: Path) -> None:
    wide = Image.new("RGB", (600, 200), "black")
    wide.paste("white", (200, 0, 400, 200))
    array = load_picture(saved(tmp_path, wide), PYTORCH).array
    assert array[0, 0].min() > 2


@pytest.mark.parametrize(
    ("dims", "shape"),
    [((224, 224, 3), (224, 224, 3)), ((3, -1, -1), (3, 30, 40)), ((1, 16, 12), (1, 16, 12))],
)
def test_other_layouts(tmp_path: Path, dims: tuple[int, ...], shape: tuple[int, ...]) -> None:
    path = saved(tmp_path, Image.new("RGB", (40, 30), "white"))
    for datatype in ("UINT8", "FP32"):
        signature = TensorSignature(inputs=(TensorSpec("x", datatype, dims),))
        tensor = load_picture(path, signature)
        assert tensor.array.shape == shape
        assert (tensor.array.dtype == np.uint8) == (datatype == "UINT8")
    if dims[0] == 1:
        assert tensor.array.max() == 1


@pytest.mark.parametrize("ink_on_paper", [True, False])
def test_digits_come_back_as_they_were(tmp_path: Path, ink_on_paper: bool) -> None:
    images, _ = held_out()
    for digit in images[:20]:
        grey = np.round(digit * 255 / 16).astype(np.uint8)
        if ink_on_paper:
            grey = 255 - grey
        path = saved(tmp_path, Image.fromarray(np.kron(grey, np.ones((16, 16), np.uint8))))
        array = load_picture(path, DIGITS).array
        assert array.shape == (1, 8, 8)
        np.testing.assert_allclose(array[0], digit, atol=0.1)


def test_transparent_is_paper(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    picture.putpixel((4, 4), (0, 0, 0, 255))
    array = load_picture(saved(tmp_path, picture), DIGITS).array[0]
    assert array[4, 4] == 16
    assert array.sum() == 16


def test_turned_pictures_are_turned_back(tmp_path: Path) -> None:
    picture = Image.new("L", (8, 8), 255)
    picture.putpixel((7, 0), 0)
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me 90 degrees clockwise"
    array = load_picture(saved(tmp_path, picture, exif=exif), DIGITS).array[0]
    assert array[7, 7] == 16


def test_registry_models_take_pictures(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.new("L", (20, 20), 200))
    assert load_picture(path, check_model(REGISTRY / "digits").signature).name == "image"
    with pytest.raises(TensorError, match="takes no picture") as caught:
        load_picture(path, check_model(REGISTRY / "add_sub").signature)
    assert "INPUT0 FP32 [4]" in str(caught.value.hint)


def test_an_invalid_picture(tmp_path: Path) -> None:
    text = tmp_path / "x.png"
    text.write_text("hello")
    with pytest.raises(TensorError, match="is not a readable picture"):
        load_picture(text, DIGITS)
    with pytest.raises(TensorError, match="no such file"):
        load_picture(tmp_path / "absent.png", DIGITS)
    whole = saved(tmp_path, Image.effect_noise((64, 64), 50), "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TensorError, match="can't be read"):
        load_picture(tmp_path / "cut.png", DIGITS)


def test_unknown_model(tmp_path: Path) -> None:
    with pytest.raises(TensorError, match="the inputs of this model are unknown"):
        load_picture(tmp_path / "p.png", None)
