"""Install this project and its hashed locks into the checkout.

It runs on the machine's own Python before anything is installed, so it uses the standard library only. What a
stock Debian or Ubuntu lacks, pip and Python's shared library, comes from the distribution's own packages,
unpacked without root.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mme.errors import MmeError  # noqa: E402
from mme_local.containers.triton import wheel  # noqa: E402

_INSTALL_BYTES = 3_000_000_000
_TEMPORARY_BYTES = 200_000_000
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_VENV_PACKAGE = f"python{_PYTHON}-venv"
_PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="tools/install.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo-check", help="check that this machine can run the demo")
    development = commands.add_parser("development", help="make .venv with all that development needs")
    checkov = commands.add_parser("checkov", help="make an environment for checkov")
    lowest = commands.add_parser("lowest", help="install the oldest versions that the constructs take")
    for each in (development, checkov, lowest):
        each.add_argument("target", type=Path)
    part = commands.add_parser("part", help="print the lines of a lock without those of one package")
    part.add_argument("lock", type=Path)
    part.add_argument("--without", required=True)
    options = parser.parse_args(arguments)
    try:
        if options.command == "demo-check":
            check_demo()
        elif options.command == "development":
            install_development(options.target)
        elif options.command == "checkov":
            install_checkov(options.target)
        elif options.command == "lowest":
            install_lowest(options.target)
        else:
            sys.stdout.write(lock_without(options.lock.read_text(), options.without))
    except MmeError as error:
        _tell(f"error: {error}")
        return error.exit_status
    except subprocess.CalledProcessError as error:
        _tell(f"error: {' '.join(map(str, error.cmd))} ended with status {error.returncode}")
        return 1
    return 0


# --- checks, before anything is downloaded


def check_demo() -> None:
    """Check what the demo needs of this machine.

    Raises:
        MmeError: Something is missing.
    """
    installed = sys.prefix != sys.base_prefix
    problem = wheel.unsupported()
    if problem and (installed or not _library_package()):
        raise problem
    temporary = _temporary_folder()
    if os.statvfs(temporary).f_flag & os.ST_NOEXEC:
        raise MmeError(
            f"no program can run in the temporary folder {temporary}; Triton's does",
            hint="set TMPDIR to a folder that is not mounted noexec",
        )
    try:
        socket.getaddrinfo("localhost", None)
    except OSError:
        raise MmeError(
            "the name localhost has no address on this machine; the CDK CLI reaches the local endpoint by it",
            hint="add the line `127.0.0.1 localhost` to /etc/hosts",
        ) from None


def check_install() -> None:
    """Check the room for an installation.

    Raises:
        MmeError: A folder is too small or can't be written.
    """
    for folder, needed, hint in (
        (ROOT, _INSTALL_BYTES, "free some space"),
        (_temporary_folder(), _TEMPORARY_BYTES, "set TMPDIR to a larger folder"),
    ):
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise MmeError(
                f"{folder} has {free / 1e9:.1f} GB free; the installation needs {needed / 1e9:.1f} GB",
                hint=hint,
            )


def _temporary_folder() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        raise MmeError("no temporary folder can be written", hint="set TMPDIR to one that can") from None


def _library_package() -> str | None:
    """Return the distribution's package of this Python's shared library, if that is what Triton lacks."""
    if wheel.unsupported_platform() or not wheel.lacks_libpython() or sys.base_prefix != "/usr":
        return None
    return f"libpython{_PYTHON}" if shutil.which("apt-get") and shutil.which("dpkg-deb") else None


# --- what is installed


def install_development(target: Path) -> None:
    """Make an environment from requirements-dev.txt, with this project in editable form.

    Args:
        target: Folder of the environment; deleted first.

    Raises:
        MmeError: This machine lacks something that can't be installed here.
    """
    check_install()
    lock = (ROOT / "requirements-dev.txt").read_text()
    library = _library_package()
    if wheel.unsupported_platform():
        lock = lock_without(lock, "nvidia-pytriton")
    if (problem := wheel.unsupported()) and not library:
        _tell(f"note: {problem}\nTests that need Triton are skipped.")
    python = make_environment(target)
    if library:
        with unpacked(library) as package:
            found = _find(package, f"usr/lib/*/{wheel.LIBPYTHON}")
            shutil.copy(found, target / "lib" / wheel.LIBPYTHON)
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder) / "uv.txt"
        pinned.write_text(lock_part(lock, "uv"))
        run(python, *_PIP, "--require-hashes", "--no-deps", "-r", pinned)
    install_lock(python, lock)
    run(python, *_PIP, "--no-deps", "--no-build-isolation", "--no-index", "--editable", ROOT)


def install_lowest(target: Path) -> None:
    """Install requirements-lowest.txt into a folder that goes on PYTHONPATH.

    Args:
        target: The folder.
    """
    install_lock(Path(sys.executable), (ROOT / "requirements-lowest.txt").read_text(), "--target", target)


def install_checkov(target: Path) -> None:
    """Make a separate environment from requirements-checkov.txt.

    Args:
        target: Folder of the environment; deleted first.

    Raises:
        MmeError: The package index lacks a package.
    """
    python = make_environment(target)
    try:
        install_lock(python, (ROOT / "requirements-checkov.txt").read_text())
    except subprocess.CalledProcessError:
        shutil.rmtree(target)
        raise MmeError(
            "checkov can't be installed from requirements-checkov.txt, so its checks did not run",
            hint="the package index must offer its hundred packages",
        ) from None


def install_lock(python: Path, lock: str, *options: object) -> None:
    """Install a hashed lock: by uv, which takes a third of pip's time, or by pip if uv can't reach the index.

    aws-cdk-lib comes last: one of its modules, aws_cdk/cloud_assembly_schema, is in the wheel of
    aws-cdk.cloud-assembly-schema too, uv unpacks wheels in parallel, and only aws-cdk-lib's copy is complete.

    Args:
        python: Of the environment.
        lock: The text of the lock.
        options: Further options of `pip install`.
    """
    with tempfile.TemporaryDirectory() as folder:
        first, last = Path(folder) / "first.txt", Path(folder) / "last.txt"
        first.write_text(lock_without(lock, "aws-cdk-lib"))
        last.write_text(lock_part(lock, "aws-cdk-lib"))
        parts = [path for path in (first, last) if path.stat().st_size]
        # --no-deps: the lock is complete, with overrides that a resolver would refuse.
        checked = ("--require-hashes", "--no-deps", *options, "-r")
        uv = next(
            (uv for each in (python, Path(sys.executable)) if (uv := each.with_name("uv")).exists()), "uv"
        )
        try:
            for path in parts:
                run(uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *checked, path)
        except (OSError, subprocess.CalledProcessError):
            _tell("uv could not install the lock; trying pip")
            for path in parts:
                run(python, *_PIP, *checked, path)


def make_environment(target: Path) -> Path:
    """Make an empty virtual environment with pip and return its Python.

    Args:
        target: Its folder; deleted first.

    Raises:
        MmeError: pip is not available.
    """
    base = Path(getattr(sys, "_base_executable", sys.executable))
    python = target / "bin" / "python"
    if importlib.util.find_spec("ensurepip"):
        run(base, "-m", "venv", "--clear", target)
        return python
    run(base, "-m", "venv", "--clear", "--without-pip", target)
    with unpacked("python3-pip-whl") as package:
        pip = _find(package, "usr/share/python-wheels/pip-*.whl")
        try:
            run(python, pip / "pip", *_PIP[2:], "--no-index", pip, stderr=subprocess.PIPE)
        except subprocess.CalledProcessError as error:  # Ubuntu 22.04's needs the package of distutils
            reason = error.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise MmeError(
                f"{pip.name} of the package python3-pip-whl does not run on Python {_PYTHON}: {reason}",
                hint=f"sudo apt-get install {_VENV_PACKAGE}",
            ) from None
    return python


@contextmanager
def unpacked(package: str) -> Iterator[Path]:
    """Download a package of Debian or Ubuntu and unpack it into a temporary folder, without root.

    Args:
        package: Its name.

    Raises:
        MmeError: It can't be downloaded or unpacked.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # root's apt downloads as another user
        try:
            _download(package, folder)
            (archive,) = folder.glob("*.deb")
            run("dpkg-deb", "--extract", archive, folder / "unpacked")
        except (OSError, ValueError, subprocess.CalledProcessError):
            raise MmeError(
                f"the package {package} is missing and can't be downloaded by apt-get",
                hint=f"sudo apt-get install {package if package.startswith('lib') else _VENV_PACKAGE}",
            ) from None
        yield folder / "unpacked"


def _download(package: str, folder: Path) -> None:
    # An image often has no package lists: then they are fetched into the folder.
    for path in ("lists/partial", "archives/partial"):
        (folder / path).mkdir(parents=True)
    lists = f"Dir::State::lists={folder}/lists"
    own = ("-o", lists, "-o", f"Dir::Cache={folder}", "-o", "Debug::NoLocking=1")
    # Ubuntu 24.04 adds t64 to the names of libraries with a 64-bit time_t.
    names = (package, f"{package}t64") if package.startswith("lib") else (package,)
    downloads = [("download", name) for name in names]
    for command in (*downloads, (*own, "update"), *((*own, *download) for download in downloads)):
        subprocess.run(
            ("apt-get", *command), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if any(folder.glob("*.deb")):
            return


def _find(package: Path, pattern: str) -> Path:
    """Return the file of an unpacked package. Raises MmeError if it has none by this pattern."""
    found = max(package.glob(pattern), default=None)
    if found is None:
        raise MmeError(f"the distribution's package has no file {pattern}")
    return found


def lock_part(lock: str, name: str) -> str:
    """Return the lines of a lock for one package, hashes included.

    Args:
        lock: The text of the lock.
        name: The package's name.
    """
    return "".join(entry for entry in _entries(lock) if entry.startswith(f"{name}=="))


def lock_without(lock: str, name: str) -> str:
    """Return the lines of a lock without those of one package.

    Args:
        lock: The text of the lock.
        name: The package's name.
    """
    return "".join(entry for entry in _entries(lock) if not entry.startswith(f"{name}=="))


def _entries(lock: str) -> list[str]:
    """Split a lock into its packages; comments before the first one are dropped."""
    return re.findall(r"^[^ #\n].*\n(?:[ #].*\n)*", lock, re.MULTILINE)


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def run(*command: object, stderr: int | None = None) -> None:
    """Run a command in the checkout.

    Args:
        command: Program and arguments.
        stderr: Its standard error, as in `subprocess.run`.
    """
    subprocess.run([str(word) for word in command], cwd=ROOT, check=True, stderr=stderr)


if __name__ == "__main__":
    sys.exit(main())
