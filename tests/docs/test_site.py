"""The documentation site: its navigation, the generated pages of its reference, and what a search finds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from mme.client import errors
from mme.errors import MmeError
from mme_cdk.monitoring.alarm_thresholds import ALARM_RULES
from stacks.environments import ENVIRONMENTS
from tests.archives.finding_codes import codes_in_the_source
from tools.site import client_errors, commands, environments, findings, monitoring, reference
from tools.site.search_index import unfound

ROOT = Path(__file__).parents[2]


def test_the_navigation_has_every_page_of_the_docs_once() -> None:
    pages = re.findall(r"([\w./-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    own = [page for page in pages if not page.startswith(("reference/", "project/", "examples/"))]
    assert sorted(own) == sorted(
        str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")
    )


def test_each_public_name_has_a_page() -> None:
    pages = reference.name_pages()
    assert "::: mme_cdk.MultiModelEndpoint" in pages["mme_cdk/MultiModelEndpoint.md"]
    assert "::: mme.client.MultiModelClient" in pages["mme.client/MultiModelClient.md"]
    assert "[ServingImage](ServingImage.md)" in pages["mme_cdk/index.md"]


def test_a_public_name_without_a_docstring_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors.ThrottledError, "__doc__", None)
    with pytest.raises(MmeError, match=r"mme\.client\.ThrottledError has no docstring"):
        reference.name_pages()


def test_an_option_is_searched_as_it_is_written() -> None:
    node = shutil.which("node", path=str(Path(sys.executable).parent))
    assert node
    browser = (
        "let f; globalThis.document = {addEventListener: (_, given) => { f = given; }};"
        "require(process.argv[1]); const box = {value: '--hit-ratio add-sub -n -', matches: () => true};"
        "f({target: box}); console.log(box.value);"
    )
    script = str(ROOT / "tools" / "site" / "search.js")
    done = subprocess.run(
        [node, "-e", browser, script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "hit-ratio add-sub n -\n"


@pytest.mark.nightly
@pytest.mark.parametrize(("link", "status"), [("other.md#here", 0), ("gone.md", 1), ("other.md#gone", 1)])
def test_a_broken_link_ends_the_build(link: str, status: int, tmp_path: Path) -> None:
    config = (ROOT / "mkdocs.yml").read_text("utf-8")
    checks = re.findall(r"^(?:strict: true\n|validation:\n(?:  .*\n)+)", config, re.MULTILINE)
    assert len(checks) == 2
    # MkDocs counts no warning that it does not print.
    assert "mkdocs --quiet" not in (ROOT / "Makefile").read_text("utf-8")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Start\n\n[a page]({link})\n")
    (tmp_path / "docs" / "other.md").write_text("# Other\n\n## Here\n")
    (tmp_path / "mkdocs.yml").write_text("site_name: a copy\n" + "".join(checks))
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / ".venv" / "docs"), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert ("gone" in done.stderr.partition("WARNING")[2]) is bool(status)


def test_commands_show_their_options_examples_and_subcommands() -> None:
    pages = commands.command_pages()
    assert {"invoke.md", "models.md", "endpoint.md", "local.md"} <= pages.keys()
    assert "| `--input`, `-i` | NAME=1,2,3,4, NAME=[[1,2],[3,4]]" in pages["invoke.md"]
    assert "$ mme invoke add_sub_v0.tar.gz --input INPUT0=1,2,3,4" in pages["invoke.md"]
    assert "## mme models add" in pages["models.md"]


@pytest.mark.parametrize(
    ("documented", "fault"), [("Do it.", "mme x: depth has no help"), ("", "mme x has no help")]
)
def test_a_command_without_help_is_refused(
    documented: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.main import get_group

    app = typer.Typer()

    def x(depth: int = 1) -> None:
        pass

    x.__doc__ = documented
    app.command()(x)
    app.command("y", help="Other.")(lambda: None)
    monkeypatch.setattr(commands, "_root", lambda: get_group(app))
    with pytest.raises(MmeError, match=fault):
        commands.command_pages()


def test_variables_show_their_meaning_and_default() -> None:
    page = reference.variables_page()
    assert "| `MME_ENV` | Environment: `local`, `dev`, `staging`, `prod` or a custom one. | `local` |" in page
    assert "| `MME_LOCAL_EVICTION` |" in page
    assert "`lru`" in page


def test_the_page_of_environments_shows_fields_values_and_the_file() -> None:
    page = environments.environments_page()
    assert "| `instance_count` | Instances that the endpoint starts with. `int`, required. |" in page
    assert "credentials. `str \\| None`, `None`. |" in page
    types = " | ".join(f"`'{one.instance_type}'`" for one in ENVIRONMENTS)
    assert f"| `instance_type` | {types} |" in page
    assert (ROOT / "stacks" / "environments.py").read_text("utf-8") in page


def test_every_finding_has_its_fix_and_nearly_every_one_an_example() -> None:
    page = findings.findings_page()
    sections = dict(re.findall(r"^### (\S+)\n\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))
    assert sections.keys() == codes_in_the_source().keys()
    assert [code for code, text in sections.items() if "\nFix: " not in text] == []
    # Findings of directories and of packing have no archive.
    assert len([code for code, text in sections.items() if f"[{code}]\n" in text]) > 110
    assert "error config.pbtxt.txt must be called config.pbtxt\n      [config-misnamed]\n" in page


def test_every_error_of_the_client_says_when_to_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    page = client_errors.client_errors_page()
    for name in reference.public_names("mme.client"):
        assert (f"\n\n## {name}\n\n" in page) is name.endswith("Error")
    assert page.count("\n\nRetry: ") == page.count("\n\n## ")
    assert "A `ServiceFaultError`. [Attributes](mme.client/ThrottledError.md)\n\nRetry: yes, later" in page
    monkeypatch.setattr(errors.ThrottledError, "__doc__", "It is throttled.")
    with pytest.raises(MmeError, match="ThrottledError has no line about retries"):
        client_errors.client_errors_page()


def test_metrics_show_their_methods_and_alarms_their_conditions() -> None:
    page = monitoring.metrics_page()
    assert (
        "| `ModelCacheHit` | `metric_model_cache_hit` | Share of requests whose model was in memory" in page
    )
    alarm = (
        "| [load waits](../runbook.md#load-waits) | critical: p90 ModelLoadingWaitTime > 180 s for 3 min; "
    )
    assert alarm in page
    assert page.count("../runbook.md#") == len(ALARM_RULES)


def test_a_word_that_no_search_finds_on_its_page_is_reported() -> None:
    entries = [
        {"location": "reference/mme_cdk/Endpoint/", "title": "Endpoint", "text": "It serves."},
        {"location": "reference/findings/#not-gzip", "title": "not-gzip", "text": "error"},
        {"location": "changelog/", "title": "Changelog", "text": "Endpoint, Model, --warm"},
    ]
    wanted = [("Endpoint", "reference/mme_cdk/Endpoint/"), ("not-gzip", "reference/findings/#not-gzip")]
    assert unfound(entries, wanted) == []
    wanted += [("Model", "reference/mme_cdk/Model/"), ("--warm", "reference/commands/")]
    assert unfound(entries, wanted) == ["--warm", "Model"]
