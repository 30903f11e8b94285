"""The memory that a model is charged with."""

from __future__ import annotations

from pathlib import Path

import pytest

from mme_local.endpoint.archive_cache import UnpackedArchive
from mme_local.endpoint.weight import weigh
from mme_local.settings import LocalSettings

MIB = 1024 * 1024
ENSEMBLE = 'platform: "ensemble" ensemble_scheduling { }'


@pytest.mark.parametrize(
    ("files", "mib", "expected"),
    [
        ({"config.pbtxt": 'backend: "python"', "1/model.py": ""}, 1, 45),
        ({"config.pbtxt": 'platform: "onnxruntime_onnx"', "1/model.onnx": ""}, 1, 54),
        ({"config.pbtxt": 'backend: "python"', "1/model.py": ""}, 100, 150),
        ({"m/1/model.onnx": ""}, 1, 54),
        (
            {"all/config.pbtxt": ENSEMBLE, "a/config.pbtxt": 'backend: "python"', "b/1/model.py": ""},
            1,
            90,
        ),
        ({"config.pbtxt": 'backend: "dali"'}, 1, 1.5),
        ({"config.pbtxt": "no config"}, 1, 1.5),
    ],
)
def test_a_model_weighs_its_files_or_the_floor(
    tmp_path: Path, files: dict[str, str], mib: int, expected: float
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    settings = LocalSettings.model_validate({"floor_mib": "python=45,onnxruntime=54"})
    archive = UnpackedArchive(tmp_path, mib * MIB)
    assert weigh(archive, settings) == expected * MIB
    assert weigh(archive, LocalSettings()) == 1.5 * mib * MIB


@pytest.mark.parametrize("wrong", ["python", "python=", "python=x", "python=1;onnx=2", "=1"])
def test_a_floor_has_a_backend_and_a_number(wrong: str) -> None:
    with pytest.raises(ValueError, match="floor_mib"):
        LocalSettings.model_validate({"floor_mib": wrong})
