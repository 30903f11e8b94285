"""The installer: checks before anything is downloaded, parts of locks, packages of the distribution."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections import namedtuple
from contextlib import nullcontext
from pathlib import Path

import pytest

from mme.errors import MmeError
from mme_local.containers.triton import wheel
from tools import install

ROOT = Path(__file__).parents[2]
VENV_PACKAGE = "python{}.{}-venv".format(*sys.version_info)
LOCK = """\
# made by a tool
aws-cdk-lib==2.0 \\
    --hash=sha256:a \\
    --hash=sha256:b
    # via me
aws-cdk-lib-more==1 \\
    --hash=sha256:c
boto3==1 ; python_version < '3.12' \\
    --hash=sha256:d
boto3==2 ; python_version >= '3.12' \\
    --hash=sha256:e
"""
LINES = LOCK.splitlines()


def program(path: Path, script: str) -> None:
    """Write a shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_part_is_one_package_in_all_its_versions() -> None:
    assert install.lock_part(LOCK, "aws-cdk-lib").splitlines() == LINES[1:5]
    assert install.lock_part(LOCK, "boto3").splitlines() == LINES[7:]
    assert install.lock_part(LOCK, "aws-cdk") == ""


def test_the_rest_is_all_others(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert install.lock_without(LOCK, "aws-cdk-lib").splitlines() == LINES[5:]
    (tmp_path / "lock").write_text(LOCK)
    assert install.main(["part", str(tmp_path / "lock"), "--without", "boto3"]) == 0
    assert capsys.readouterr().out.splitlines() == LINES[1:7]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-lowest.txt"])
def test_nothing_of_a_lock_is_lost(name: str) -> None:
    lock = (ROOT / name).read_text()
    part, rest = install.lock_part(lock, "aws-cdk-lib"), install.lock_without(lock, "aws-cdk-lib")
    assert part.startswith("aws-cdk-lib==")
    whole = [line for line in lock.splitlines() if not line.startswith("#")]
    assert sorted((part + rest).splitlines()) == sorted(whole)


@pytest.mark.parametrize(("reachable", "tool"), [(True, "uv"), (False, "python")])
def test_aws_cdk_lib_is_unpacked_last(tmp_path: Path, reachable: bool, tool: str) -> None:
    calls = tmp_path / "calls"
    record = f'echo "$(basename "$0") $*" >>"{calls}"; for last; do :; done; cat "$last" >>"{calls}"'
    program(tmp_path / "bin" / "python", record)
    program(tmp_path / "bin" / "uv", record if reachable else "exit 1")

    install.install_lock(tmp_path / "bin" / "python", LOCK)

    lines = calls.read_text().splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith(tool)]
    assert len(starts) == 2
    assert all("pip install" in lines[at] and "--require-hashes --no-deps -r " in lines[at] for at in starts)
    assert lines[1 : starts[1]] == LINES[5:]
    assert lines[starts[1] + 1 :] == LINES[1:5]


APT = """\
echo "$*" >>"$CALLS"
case "$*" in
*missing*) exit 100;;
"download libt64") echo deb >libt64_1_amd64.deb;;
*Dir::State*update*) touch lists/fetched;;
*Dir::State*download*) test -e lists/fetched && echo deb >pip_1_all.deb;;
*) exit 100;; # no package lists
esac
"""


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put an apt-get without package lists, and a dpkg-deb, on PATH; return the file of their calls."""
    program(tmp_path / "bin" / "apt-get", APT)
    program(tmp_path / "bin" / "dpkg-deb", 'mkdir -p "$3/usr/lib" && cp "$2" "$3/usr/lib/"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def test_a_package_is_unpacked_without_root_and_without_package_lists(debian: Path) -> None:
    with install.unpacked("python3-pip-whl") as folder:
        assert (folder / "usr" / "lib" / "pip_1_all.deb").read_text() == "deb\n"
    assert not folder.exists()
    assert [line.split()[-1] for line in debian.read_text().splitlines()] == [
        "python3-pip-whl",
        "update",
        "python3-pip-whl",
    ]


@pytest.mark.usefixtures("debian")
def test_a_library_is_found_by_its_name_on_ubuntu() -> None:
    with install.unpacked("lib") as folder:
        assert (folder / "usr" / "lib" / "libt64_1_amd64.deb").exists()


@pytest.mark.usefixtures("debian")
@pytest.mark.parametrize(
    ("package", "hint"),
    [
        ("libpython3.11-missing", "sudo apt-get install libpython3.11-missing"),
        ("python3-pip-missing", f"sudo apt-get install {VENV_PACKAGE}"),
    ],
)
def test_a_package_that_is_not_available_names_one_command(package: str, hint: str) -> None:
    with pytest.raises(MmeError, match=package) as caught, install.unpacked(package):
        pass
    assert caught.value.hint == hint


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Take ensurepip away; return the pip of the distribution's package."""
    pip = tmp_path / "usr" / "share" / "python-wheels" / "pip-23.0-py3-none-any.whl"
    pip.parent.mkdir(parents=True)
    pip.touch()
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(install, "unpacked", lambda name: nullcontext(tmp_path))
    return pip


def test_without_ensurepip_the_distribution_s_pip_is_installed(
    tmp_path: Path, pip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[object, ...]] = []
    monkeypatch.setattr(install, "run", lambda *command, **_: commands.append(command))

    python = install.make_environment(tmp_path / "environment")

    venv, bootstrap = commands
    assert venv[1:] == ("-m", "venv", "--clear", "--without-pip", tmp_path / "environment")
    assert bootstrap[:3] == (python, pip / "pip", "install")
    assert bootstrap[-2:] == ("--no-index", pip)


@pytest.mark.usefixtures("pip")
def test_a_pip_that_does_not_run_names_one_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        MmeError, match=r"pip-23\.0-py3-none-any\.whl .* does not run on Python 3\..*can't open file"
    ) as caught:
        install.make_environment(tmp_path / "environment")
    assert caught.value.hint == f"sudo apt-get install {VENV_PACKAGE}"
    assert capfd.readouterr().err == ""


def test_a_package_of_another_layout_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(install, "unpacked", lambda name: nullcontext(tmp_path))
    monkeypatch.setattr(install, "run", lambda *command: None)
    with pytest.raises(MmeError, match=r"has no file usr/share/python-wheels/pip-\*\.whl"):
        install.make_environment(tmp_path / "environment")


def test_without_room_nothing_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(install.shutil, "disk_usage", lambda path: usage(0, 0, 1_400_000_000))
    with pytest.raises(MmeError, match=r"has 1\.4 GB free; the installation needs 3\.0 GB"):
        install.install_development(tmp_path / "environment")
    assert not (tmp_path / "environment").exists()


def test_without_a_temporary_folder_the_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(tempfile, "gettempdir", missing)
    with pytest.raises(MmeError, match="temporary folder") as caught:
        install.install_development(tmp_path / "environment")
    assert "TMPDIR" in str(caught.value.hint)


def test_the_demo_names_what_is_missing_before_it_installs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wheel, "libpython", lambda: None)
    monkeypatch.setattr(wheel, "_BUNDLED_LIBPYTHON", "")
    monkeypatch.setattr(install.sys, "base_prefix", "/opt/python")
    assert install.main(["demo-check"]) == 2
    assert wheel.LIBPYTHON in capsys.readouterr().err


@pytest.mark.usefixtures("debian")
@pytest.mark.parametrize(("prefix", "status"), [("/usr", 0), ("/installed/.venv", 2)])
def test_the_demo_runs_if_the_library_will_be_installed(
    monkeypatch: pytest.MonkeyPatch, prefix: str, status: int
) -> None:
    monkeypatch.setattr(install.sys, "prefix", prefix)
    monkeypatch.setattr(wheel, "unsupported_platform", lambda: None)
    monkeypatch.setattr(wheel, "libpython", lambda: None)
    monkeypatch.setattr(wheel, "_BUNDLED_LIBPYTHON", "")
    monkeypatch.setattr(install.sys, "base_prefix", "/usr")
    assert install.main(["demo-check"]) == status


def test_the_demo_needs_a_temporary_folder_that_runs_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = namedtuple("flags", "f_flag")
    monkeypatch.setattr(wheel, "unsupported", lambda: None)
    monkeypatch.setattr(os, "statvfs", lambda path: flags(os.ST_NOEXEC))
    assert install.main(["demo-check"]) == 2
    assert "TMPDIR" in capsys.readouterr().err


def test_the_demo_needs_a_localhost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(wheel, "unsupported", lambda: None)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert install.main(["demo-check"]) == 2
    assert "/etc/hosts" in capsys.readouterr().err


def test_time_zones_do_not_need_those_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONTZPATH", "")
    code = "import zoneinfo; print('Europe/Berlin' in zoneinfo.available_timezones())"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"True\n"
