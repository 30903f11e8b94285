"""Wheel and sdist are complete, whichever way they are built."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
OPTIONS = ("--quiet", "--offline", "--no-build-isolation")


def build(source: Path, out: Path, *kinds: str) -> Path:
    """Build one distribution without an index, and return its path."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run(
        ["uv", "build", *OPTIONS, "--python", sys.executable, "--out-dir", str(out), *kinds, str(source)],
        check=True,
        timeout=240,
        env=environment,
    )
    (built,) = [path for path in out.iterdir() if path.suffix in {".whl", ".gz"}]
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("sdist"), "--sdist")


@pytest.fixture(scope="module")
def wheel_of_the_sdist(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extraction_filter = tarfile.fully_trusted_filter if hasattr(tarfile, "data_filter") else None
        archive.extractall(folder)  # noqa: S202 - our own; the filter argument came with Python 3.11.4
    (source,) = folder.iterdir()
    return build(source, tmp_path_factory.mktemp("wheel"), "--wheel")


def test_the_sdist_holds_the_packages_and_three_pages(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames()]
    pages = [name for name in names if name.endswith((".md", "LICENSE"))]
    assert sorted(pages) == ["CHANGELOG.md", "LICENSE", "README.md"]
    assert {name.split("/")[0] for name in names} - set(pages) == {
        *("constructs", "mme", "mme_local", "pyproject.toml", "PKG-INFO", ".gitignore")
    }


def test_a_wheel_from_the_sdist_equals_one_from_the_checkout(
    wheel_of_the_sdist: Path, tmp_path: Path
) -> None:
    direct = build(ROOT, tmp_path, "--wheel")
    assert direct.read_bytes() == wheel_of_the_sdist.read_bytes()
    with zipfile.ZipFile(direct) as one, zipfile.ZipFile(wheel_of_the_sdist) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())
        assert {name: one.read(name) for name in one.namelist()} == {
            name: other.read(name) for name in other.namelist()
        }
        assert "mme_cdk/__init__.py" in one.namelist()
        assert not [name for name in one.namelist() if name.startswith(("constructs/", "tests/"))]


@pytest.mark.slow
def test_the_wheel_from_the_sdist_runs_the_app_of_the_readme(
    wheel_of_the_sdist: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel_of_the_sdist) as wheel:
        wheel.extractall(site)  # noqa: S202
    app = README.split("## In your own CDK app")[1].split("```python\n")[1].split("```")[0]
    where = "import mme, mme_cdk; print(mme.__file__); print(mme_cdk.__file__)"
    (tmp_path / "app.py").write_text(f"{app}\n{where}\n")
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=tmp_path,
        env={
            "PATH": str(Path(sys.executable).parent),
            "PYTHONPATH": str(site),
            "CDK_OUTDIR": "cdk.out",
            "CDK_VALIDATION": "false",
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert [line.startswith(f"{site}/") for line in done.stdout.splitlines()[-2:]] == [True, True]
    template = json.loads((tmp_path / "cdk.out" / "Serving.template.json").read_text())
    assert {"EndpointName", "ModelBucketName", "ModelPrefix"} <= set(template["Outputs"])
