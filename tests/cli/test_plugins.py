"""Commands of other packages, and packages that are not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

APP = """'Count sheep.'
import typer
{first}
app = typer.Typer(help="Count sheep.")
@app.command()
def count(number: int) -> None:
    {body}
    print("sheep:", number)
@app.command()
def other() -> None: ...
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `mme` in a process that can't import the packages named in `without`."""

    def run(*arguments: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        script = (
            f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
            f"class Missing:\n"
            f"    def find_spec(self, name, path=None, target=None):\n"
            f"        if name.partition('.')[0] in {without!r}:\n"
            f"            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)\n"
            f"sys.meta_path.insert(0, Missing())\n"
            f"sys.argv = ['mme', *{list(arguments)!r}]\n"
            f"from mme.cli import run\n"
            f"run()\n"
        )
        return subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
        )

    return run


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., None]:
    """Install a package with a command `sheep` next to mme."""

    def install(first: str = "", body: str = "pass", entry: str = "sheep_cli:app [wool]") -> None:
        (tmp_path / "sheep_cli.py").write_text(APP.format(first=first, body=body))
        facts = tmp_path / "sheep_counter-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: sheep-counter\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[mme.commands]\nsheep = {entry}\n")

    return install


def test_help_does_not_import_a_plugin(run: Run, plugin: Callable[..., None], tmp_path: Path) -> None:
    plugin(first="print('imported')")
    listed = run("--help").stdout
    assert "Count sheep." in listed
    assert "Run the same endpoint on this machine" in listed
    assert "imported" not in listed
    (tmp_path / "sheep_cli.py").unlink()
    assert "Added by sheep-counter." in run("--help").stdout


def test_an_installed_package_adds_a_command(run: Run, plugin: Callable[..., None]) -> None:
    plugin()
    assert run("sheep", "count", "3").stdout == "sheep: 3\n"


@pytest.mark.parametrize(
    ("body", "status"), [("return 3", 0), ("return True", 0), ("raise typer.Exit(4)", 4)]
)
def test_a_value_that_a_plugin_returns_is_no_exit_status(
    run: Run, plugin: Callable[..., None], body: str, status: int
) -> None:
    plugin(body=body)
    assert run("sheep", "count", "3").returncode == status


@pytest.mark.parametrize("where", ["first", "body"])
def test_a_plugin_without_its_extra_names_it(run: Run, plugin: Callable[..., None], where: str) -> None:
    plugin(**{where: "import no_such_wool"})
    ran = run("sheep", "count", "3")
    assert ran.returncode == 2
    assert ran.stderr.splitlines() == [
        "error: mme sheep needs the package no_such_wool, which is not installed",
        'pip install "sheep-counter[wool]"',
    ]
    assert run("--help").returncode == 0


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"first": "1 / 0"}, "fails to import: ZeroDivisionError: division by zero"),
        ({"entry": "sheep_cli:nothing"}, "fails to import: AttributeError"),
        ({"entry": "sheep_cli:count"}, "is sheep_cli:count, which is not a typer.Typer"),
    ],
)
def test_a_broken_plugin_is_one_error_and_hides_no_other_command(
    run: Run, plugin: Callable[..., None], broken: dict[str, str], says: str
) -> None:
    plugin(**broken)
    ran = run("sheep", "count", "3")
    assert ran.returncode == 2
    assert says in ran.stderr
    assert "sheep-counter" in ran.stderr
    assert "Traceback" not in ran.stderr
    listed = run("--help")
    assert (listed.returncode, "invoke" in listed.stdout) == (0, True)


@pytest.mark.parametrize("verb", [("up",), ("status",), ("down",)])
def test_local_without_its_extra_names_the_extra(run: Run, verb: tuple[str, ...]) -> None:
    ran = run("local", *verb, without=("psutil", "aiohttp", "moto", "werkzeug", "multidict"))
    assert ran.returncode == 2
    error, hint = ran.stderr.splitlines()
    assert error.startswith("error: mme local needs the package ")
    assert hint == 'pip install "sagemaker-mme[local]"'


@pytest.mark.parametrize("missing", ["typer", "rich", "pydantic"])
def test_the_toolkit_without_its_extra_names_the_extra(run: Run, missing: str) -> None:
    ran = run("models", "list", without=(missing,))
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1] == 'pip install "sagemaker-mme[cli]"'
    assert "Traceback" not in ran.stderr


def test_an_unknown_command_is_one_error(run: Run) -> None:
    ran = run("lokal")
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[0].startswith("error: 'lokal' is not a command of mme; there are models, ")
    assert ran.stderr.splitlines()[1] == "run mme local"
    assert run("model", "list").stderr.splitlines()[1] == "run mme models list"


def test_an_option_of_mme_after_the_command_is_one_error(run: Run) -> None:
    ran = run("models", "list", "--env", "dev")
    assert ran.returncode == 2
    assert ran.stderr.splitlines() == [
        "error: --env is an option of mme, not of mme models list",
        "give it first: mme --env ... models list",
    ]


def start(module: str, error: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module in a process in which the import of a package raises an error."""
    package = "aws_cdk" if module == "mme_cdk" else "pydantic"
    script = (
        f"import runpy, sys\n"
        f"class Raising:\n"
        f"    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {package!r}:\n"
        f"            raise {error}\n"
        f"sys.meta_path.insert(0, Raising())\n"
        f"sys.argv = ['mme', *{list(arguments)!r}]\n"
        f"runpy.run_module({module!r}, run_name='__main__', alter_sys=False)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [("mme", ("models", "list"), "cli"), ("mme", ("local", "up"), "local"), ("mme_local", (), "local")],
)
def test_a_module_without_its_extra_names_it(module: str, arguments: tuple[str, ...], extra: str) -> None:
    ran = start(module, "ModuleNotFoundError(name='pydantic')", *arguments)
    assert ran.returncode == 2
    error, hint = ran.stderr.splitlines()
    assert error.endswith(" needs the package pydantic, which is not installed")
    assert hint == f'pip install "sagemaker-mme[{extra}]"'


def test_the_constructs_without_their_extra_name_it() -> None:
    ran = start("mme_cdk", "ModuleNotFoundError(name='aws_cdk')")
    assert ran.stderr.splitlines()[-2:] == [
        "ImportError: mme_cdk needs the package aws_cdk, which is not installed",
        'pip install "sagemaker-mme[cdk]"',
    ]


def imported_without_node(module: str) -> str:
    """What Python writes to standard error if it imports a module and finds no `node`."""
    return subprocess.run(
        [sys.executable, "-c", f"import {module}"],
        env={**os.environ, "PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    ).stderr


def test_the_constructs_without_node_name_it() -> None:
    error, hint = imported_without_node("mme_cdk").splitlines()[-2:]
    assert error == "ImportError: aws-cdk-lib needs Node.js, and there is no node on PATH"
    assert hint.startswith("activate the virtual environment, where sagemaker-mme[cdk] installed it")


@pytest.mark.parametrize(("module", "arguments"), [("mme", ("local", "up")), ("mme_local", ())])
def test_an_early_interrupt_is_one_line(module: str, arguments: tuple[str, ...]) -> None:
    ran = start(module, "KeyboardInterrupt", *arguments)
    assert (ran.returncode, ran.stderr) == (130, "interrupted\n")
