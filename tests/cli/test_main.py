"""The root command: quick help, flags, and how errors and interrupts end."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import typer
from boto3.exceptions import S3UploadFailedError

from mme.cli import main as main_module
from mme.console import age_text, size_text
from mme.errors import MmeError


def test_help_lists_the_commands(mme) -> None:
    ran = mme("--help")
    assert ran.status == 0
    for word in ("local", "models", "invoke", "--env", "Example: mme"):
        assert word in ran.out


def test_unknown_command(mme) -> None:
    ran = mme("modles")
    assert ran.status == 2
    assert "models" in ran.err


LONG = "a" * 5000


@pytest.mark.parametrize(
    "url",
    [
        "localhost",
        "http://",
        "http://[::1",
        "http://localhost:99999",
        "http://user:s3cret@localhost:9",
        "https://s3cret@host",
        "htp://user:s3cret@localhost",
    ],
)
@pytest.mark.parametrize("variable", ["", "MME_ENDPOINT_URL", "AWS_ENDPOINT_URL"])
def test_a_bad_endpoint_url_is_one_line_without_its_password(
    mme, monkeypatch: pytest.MonkeyPatch, url: str, variable: str
) -> None:
    monkeypatch.delenv("MME_ENDPOINT_URL")
    if variable:
        monkeypatch.setenv(variable, url)
    ran = mme(*([] if variable else ["--endpoint-url", url]), "models", "list")
    assert (ran.status, ran.out) == (2, "")
    assert f"'{url.replace('user:', '').replace('s3cret@', '***@')}' can't be the endpoint url" in ran.err
    assert "s3cret" not in ran.err


def test_a_suggested_command_hides_the_password(mme, tmp_path: Path) -> None:
    ran = mme("--endpoint-url", "http://u:s3cret@h", "models", "new", "net", "--in", tmp_path)
    assert "then: mme --endpoint-url http://***@h models add" in ran.out.replace("'", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("models", "add", LONG),
        ("models", "add", f"model_registry/{LONG}"),
        ("models", "pack", "model_registry/add_sub", "-o", LONG),
        ("models", "new", "x", "--in", LONG),
        ("models", "new", LONG),
        ("archives", "explain", LONG),
        ("archives", "explain", f"{LONG}.tar.gz"),
        ("invoke", "x.tar.gz", "-i", "X=1", "-o", f"{LONG}.npz"),
        ("invoke", "x.tar.gz", "-i", f"X=@{LONG}"),
        ("invoke", "x.tar.gz", "--json-input", LONG),
        ("invoke", "x.tar.gz", "--body", f"{LONG}.csv"),
        ("async", "result", "i", "-o", LONG),
        ("endpoint", "preflight", "--app", LONG),
        ("--profile", LONG, "models", "list"),
        ("--region", LONG, "models", "list"),
        ("--endpoint-url", f"http://{LONG}", "models", "list"),
        (LONG,),
    ],
    ids=lambda arguments: " ".join(arguments).replace(LONG, "LONG"),
)
def test_a_path_or_name_of_5000_characters_is_one_line(mme, arguments: tuple[str, ...]) -> None:
    ran = mme(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert len(ran.err) < 4000
    assert len(ran.err.splitlines()) <= 2


@pytest.mark.parametrize(
    ("env", "more"), [("nosuch", "; and check --env nosuch: this project has"), ("dev", "")]
)
def test_without_a_region_the_environments_are_listed(mme, env: str, more: str) -> None:
    error, hint = mme("--env", env, "models", "list").err.splitlines()
    assert error == "error: no AWS region is set"
    more += " the environments local, dev, staging, prod" if more else ""
    assert hint == f"set --region, MME_REGION, AWS_DEFAULT_REGION or AWS_REGION{more}"


@pytest.mark.parametrize("content", [b"[profile\nx", b"\xff\xfe"])
def test_a_broken_aws_configuration_is_one_line(
    mme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    config = tmp_path / "config"
    config.write_bytes(content)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    ran = mme("--env", "dev", "--region", "us-east-1", "models", "list")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.splitlines() == [
        f"error: the AWS configuration can't be read: Unable to parse config file: {config}",
        "fix that file, or name another with AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE",
    ]


@pytest.mark.parametrize(
    ("arguments", "message", "path"),
    [
        (["models", "show"], "missing argument 'MODEL'", "mme models show"),
        (["models", "list", "--\u202e\x9b[/b]"], "no such option: --", "mme models list"),
        (["models", "nope"], "no such command 'nope'", "mme models"),
        (["endpoint", "top", "--count", "0"], "invalid value for '--count'", "mme endpoint top"),
        (
            ["endpoint", "top", "--count", "x"],
            "invalid value for '--count' / '-n': it must be a whole number",
            "mme endpoint top",
        ),
        (
            ["models", "new", "x", "--to", "Onx"],
            "invalid value for '--to': 'Onx' is not one of 'onnx'",
            "mme models new",
        ),
        (["models", "list", "a", "b: Cd"], "got unexpected extra argument(s) (b: Cd)", "mme models list"),
        (["--nope", "models", "list"], "no such option: --nope", "mme"),
    ],
)
def test_wrong_usage_is_one_line(mme, arguments: list[str], message: str, path: str) -> None:
    ran = mme(*arguments)
    assert (ran.status, ran.out) == (2, "")
    error, hint = ran.err.splitlines()
    assert error.startswith(f"error: {message}")
    assert not {"\u202e", "\x9b"} & set(error)
    assert hint == f"see: {path} --help"


def test_a_noun_alone_prints_its_verbs(mme) -> None:
    ran = mme("models")
    assert ran.status == 2
    assert "promote" in ran.out + ran.err
    assert "error:" not in ran.err


def test_version(mme) -> None:
    assert mme("--version").out.startswith("mme ")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[default]\ns3 = nonsense\n", "AttributeError: 'str' object has no attribute 'get'"),
        ("[default]\ncredential_process = /bin/echo hello\n", "JSONDecodeError: Expecting value"),
    ],
)
def test_an_aws_configuration_with_values_of_the_wrong_kind_is_one_line(
    mme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, reason: str
) -> None:
    (tmp_path / "config").write_text(content)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    ran = mme("--env", "dev", "--region", "us-east-1", "models", "list")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"error: boto3 can't use the AWS configuration: {reason}")
    assert len(ran.err.splitlines()) == 2


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch):
    """Replaces the whole app by one that raises."""

    def install(error: BaseException) -> None:
        broken = typer.Typer(pretty_exceptions_enable=False)

        @broken.command()
        def run() -> None:
            raise error

        monkeypatch.setattr(main_module, "app", broken)

    return install


def test_interrupt_ends_with_130(mme, raising) -> None:
    raising(KeyboardInterrupt())
    ran = mme()
    assert ran.status == 130
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("error", [typer.Abort(), EOFError()])
def test_a_question_that_is_not_answered_aborts(mme, raising, error: Exception) -> None:
    raising(error)
    ran = mme()
    assert (ran.status, ran.err.strip()) == (1, "aborted")


def test_errors_are_printed_as_they_are(mme, raising) -> None:
    raising(MmeError("no [bold]markup[/bold] here", hint="do this"))
    ran = mme()
    assert (ran.status, ran.err) == (2, "error: no [bold]markup[/bold] here\ndo this\n")


def test_our_own_bugs_keep_their_traceback(mme, raising) -> None:
    raising(ZeroDivisionError("bug \x1b]0;title\x07"))
    ran = mme()
    assert ran.status == 1
    assert ran.err.startswith("Traceback")
    assert ran.err.endswith("ZeroDivisionError: bug \ufffd]0;title\ufffd\n")


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "/root/x"),
            "error: '/root/x': permission denied\ncheck the owner and the mode of this path\n",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/x"),
            "error: '/x': read-only file system\nuse a path that can be written\n",
        ),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset"), "error: connection reset\n"),
        (
            UnicodeEncodeError("utf-8", "x\udcff", 1, 2, "surrogates not allowed"),
            "error: 'x\\udcff' can't be encoded in utf-8\nuse UTF-8 in names and paths\n",
        ),
        (
            RuntimeError("Could not determine home directory."),
            "error: the home directory is unknown: this user has none\nset HOME to a folder\n",
        ),
        (S3UploadFailedError("no\nspace"), "error: the call to AWS failed: no space\n"),
    ],
)
def test_errors_of_the_system_are_one_line(mme, raising, error: Exception, printed: str) -> None:
    raising(error)
    ran = mme()
    assert (ran.status, ran.err) == (2, printed)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (999_960, "1.0 MB"), (5 * 10**12, "5000.0 GB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172800, "2 d")]
)
def test_ages(seconds: int, text: str) -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime(2026, 1, 10, tzinfo=UTC)
    assert age_text(now - timedelta(seconds=seconds), now) == text
