"""Finding the server and a Java runtime."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mme.errors import MmeError
from mme_local.containers.mms.installation import TORCHSERVE, MmsInstallation


def test_what_is_installed() -> None:
    found = MmsInstallation.find()
    assert os.access(found.java, os.X_OK)
    assert (found.home / "mms" / "frontend").is_dir()


def test_a_module_of_the_same_name_is_not_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mms.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert (MmsInstallation.find().home / "mms" / "frontend").is_dir()


def test_java_home_is_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.touch(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert MmsInstallation.find().java == java


def test_without_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(MmeError, match="there is no Java runtime") as missing:
        MmsInstallation.find()
    assert 'pip install "sagemaker-mme[local-cpu]"' in str(missing.value.hint)


def test_without_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MmeError, match="Multi Model Server is not installed") as missing:
        MmsInstallation.find()
    assert 'pip install "sagemaker-mme[local-cpu]"' in str(missing.value.hint)


def test_without_torchserve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MmeError, match="TorchServe is not installed") as missing:
        MmsInstallation.find(TORCHSERVE)
    assert 'pip install "sagemaker-mme[local-cpu]" torch torchserve' in str(missing.value.hint)
