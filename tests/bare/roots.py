"""Run make in stock Debian and Ubuntu systems that hold no more than the README names.

    python -m tests.bare.roots bookworm trixie --user root --user user --target demo
    python -m tests.bare.roots jammy noble

Needs root and debootstrap. Without Ubuntu's keyring, Ubuntu needs --mirror: debootstrap warns that it can't
check signatures, and goes on. Each system is built once, in --folder. Each run works in a fresh clone of this
checkout's HEAD, on a throw-away copy of the system: an overlay in a mount namespace that ends with the run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("make", "ca-certificates")
"""What the README names besides Python."""

PYTHON = {"bookworm": "python3", "trixie": "python3", "jammy": "python3.11-venv", "noble": "python3"}
"""Package of the Python by system; the systems are those of docs/supported-versions.md."""

UBUNTU = ("jammy", "noble")
_UBUNTU_KEYRING = Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg")
_UBUNTU_SCRIPT = Path("/usr/share/debootstrap/scripts/gutsy")
"""For releases of Ubuntu that are newer than this machine's debootstrap."""

FOLDER = Path("/var/tmp/mme-bare")
"""Systems are built in it, once."""

USERS = {"root": "/root", "user": "/home/user"}
CLIENT_FILES = (
    "/etc/resolv.conf",
    "/etc/pip.conf",
    "~/.config/pip/pip.conf",
    "~/.config/uv/uv.toml",
    "~/.npmrc",
)
CLIENT_VARIABLES = ("PIP_", "UV_", "NPM_CONFIG_", "SSL_CERT_", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE")

_NAMESPACE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-eu", "-c")
_INSTALL = """\
system=$1
sources=$system/etc/apt/sources.list
sed -n "s/ $2 / $2-updates /p" "$sources" >"$sources.d/updates.list"
shift 2
mount -t proc proc "$system/proc"
chroot "$system" apt-get -q update
chroot "$system" apt-get -qy upgrade
chroot "$system" apt-get -qy install --no-install-recommends "$@"
"""

_RUN = """\
cd "$1"
mount -t overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" overlay root
mount -t proc proc root/proc
mount -t tmpfs -o mode=1777 tmpfs root/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts root/dev/pts
ln -sf pts/ptmx root/dev/ptmx
test -z "$4" || mount --bind "$4" "root/$5/.cache"
user=$3
shift 5
chroot --userspec="$user:$user" root "$@"
"""


def missing(suite: str, mirror: str | None = None) -> str | None:
    """Return why a system can't be built on this machine; None if it can.

    Args:
        suite: Code name of the release.
        mirror: As in `build`.
    """
    if os.geteuid() != 0:
        return "needs root"
    if suite in UBUNTU and not mirror and not _UBUNTU_KEYRING.exists():
        return f"needs {_UBUNTU_KEYRING}"
    for program in ("debootstrap", "unshare", "git"):
        if not shutil.which(program):
            return f"needs {program}"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return "needs mount namespaces"
    return None


def build(suite: str, folder: Path, mirror: str | None = None) -> Path:
    """Build a stock system with debootstrap, unless it is there already.

    Args:
        suite: Code name of the release, such as ``trixie``.
        folder: Systems are built in it.
        mirror: URL of the packages; debootstrap's default if None.

    Returns:
        The root folder of the system.
    """
    _own(folder)
    system = folder / suite
    done = folder / f"{suite}.built"
    if done.exists():
        return system
    shutil.rmtree(system, ignore_errors=True)
    ubuntu = suite in UBUNTU
    script = [str(_UBUNTU_SCRIPT)] if ubuntu and _UBUNTU_SCRIPT.exists() else []
    command = ["debootstrap", "--variant=minbase", *(["--components=main,universe"] if ubuntu else [])]
    subprocess.run(
        [*command, suite, str(system), mirror or "", *script], check=True, stdout=subprocess.DEVNULL
    )
    subprocess.run(
        [*_NAMESPACE, _INSTALL, "sh", str(system), suite, PYTHON[suite], *PACKAGES],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    subprocess.run(["chroot", str(system), "useradd", "--create-home", "user"], check=True)
    (system / "etc" / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    done.touch()
    return system


def _own(folder: Path) -> None:
    """Create a folder for this user alone; refuse one that another user made or may write to."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(
            f"{folder} is a link, belongs to another user or can be written by others: give another --folder"
        )


def run(
    system: Path,
    command: str,
    *,
    log: Path,
    user: str = "user",
    checkout: str = "work/mme",
    cache: Path | None = None,
    variables: Sequence[str] = (),
) -> int:
    """Run a shell command in a fresh clone of this checkout, in a copy of a system.

    Args:
        system: Root folder of the system; it stays as it is.
        command: The command.
        log: File for its output.
        user: ``root`` or ``user``.
        checkout: Folder of the clone in the user's home folder.
        cache: Folder that becomes ``~/.cache``, so that later runs download less; empty by default.
        variables: ``NAME=VALUE``, in addition to those of package clients.

    Returns:
        The exit status of the command.
    """
    with tempfile.TemporaryDirectory(dir=system.parent) as name:
        copy = Path(name)
        for part in ("upper", "work", "root"):
            (copy / part).mkdir()
        upper = copy / "upper"
        home = USERS[user]
        clone = upper / home[1:] / checkout
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
        client = _client_settings(upper, home)
        (upper / home[1:] / ".cache").mkdir(exist_ok=True)
        owner = "root:root" if user == "root" else "1000:1000"
        subprocess.run(["chown", "-R", owner, str(upper / home[1:])], check=True)
        if user == "root":
            upper.joinpath("root").chmod(0o700)
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        environment = ["env", "-i", f"HOME={home}", path, *client, *variables]
        program = ["sh", "-c", f'cd "$1" && {command}', "sh", f"{home}/{checkout}"]
        mounts = [str(copy), str(system), user, str(cache or ""), home[1:]]
        with log.open("wb") as output:
            return subprocess.run(
                [*_NAMESPACE, _RUN, "sh", *mounts, *environment, *program],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode


def _client_settings(upper: Path, home: str) -> list[str]:
    """Copy the settings of this machine's package clients; return their variables as ``NAME=VALUE``."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if name.upper().startswith(CLIENT_VARIABLES) or name.upper().endswith("_PROXY")
    }
    for file in (*CLIENT_FILES, *variables.values()):
        source = Path(file).expanduser()
        if source.is_file():
            target = upper / (f"{home}{file[1:]}" if file.startswith("~") else file)[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    return [f"{name}={value}" for name, value in variables.items()]


def main() -> int:
    """Run the targets in each system as each user; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suites", nargs="+", choices=PYTHON, help="code names of releases")
    parser.add_argument("--mirror", help="URL of the packages; needed if the suite's keyring is missing")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for the systems")
    parser.add_argument("--user", action="append", choices=USERS, help="default: both")
    parser.add_argument("--checkout", default="work/mme", help="folder of the clone, below the home folder")
    parser.add_argument("--cache", type=Path, help="folder of downloads that the runs share; default: none")
    parser.add_argument("--target", action="append", help="targets of make; default: demo and test")
    options = parser.parse_args()
    for suite in options.suites:
        if reason := missing(suite, options.mirror):
            parser.error(f"{suite} {reason}")
    failed = 0
    for suite in options.suites:
        system = build(suite, options.folder, options.mirror)
        for user in options.user or USERS:
            for target in options.target or ("demo", "test"):
                began = time.monotonic()
                log = options.folder / f"{suite}-{user}-{target}.log"
                status = run(
                    system,
                    f"make {target}",
                    log=log,
                    user=user,
                    checkout=options.checkout,
                    cache=options.cache,
                )
                failed += status != 0
                seconds = time.monotonic() - began
                sys.stdout.write(f"{suite}, {user}: make {target}: status {status}, {seconds:.0f} s, {log}\n")
                sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
