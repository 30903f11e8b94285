"""mme models add, mme models list."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

REGISTRY = Path(__file__).parents[2] / "model_registry"


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """The project's registry with triton-serve-pt not built, whatever this checkout has."""
    copy = tmp_path / "model_registry"
    shutil.copytree(REGISTRY, copy, ignore=shutil.ignore_patterns("__pycache__", "model.pt"))
    return copy


def keys(s3) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket="models").get("Contents", [])]


def test_add_one(aws, mme) -> None:
    ran = mme("models", "add", f"{REGISTRY / 'add_sub'}/")
    assert ran.status == 0
    assert ran.rows[1].startswith("add_sub_v0.tar.gz published ")
    assert keys(aws) == ["models/add_sub_v0.tar.gz"]
    again = mme("models", "add", REGISTRY / "add_sub")
    assert again.status == 0
    assert "unchanged" in again.out
    assert keys(aws) == ["models/add_sub_v0.tar.gz"]


def test_add_registry_skips_unbuilt_models(aws, mme, registry: Path) -> None:
    ran = mme("models", "add", registry, "--json")
    assert ran.status == 0
    assert [one["model"] for one in ran.json["published"]] == ["add_sub_v0.tar.gz", "digits_v0.tar.gz"]
    script = registry / "build_triton_serve_pt.py"
    others = {"churn_xgboost": "xgboost", "wine_sklearn": "scikit-learn"}
    assert {one["name"]: one["reason"] for one in ran.json["skipped"]} == {
        "triton-serve-pt": f"model.pt is not built; optional: run python {script}",
        **{name: f"not for Triton but for {one}: publish it by its own path" for name, one in others.items()},
    }
    assert "skipped triton-serve-pt: model.pt is not built; optional: run python" in ran.err


def test_add_unbuilt_model_by_name(aws, mme, registry: Path) -> None:
    ran = mme("models", "add", registry / "triton-serve-pt")
    assert ran.status == 2
    assert "1/model.pt is missing" in ran.err
    assert "build_triton_serve_pt.py" in ran.err
    assert keys(aws) == []


def test_add_under_another_name(aws, mme) -> None:
    ran = mme("models", "add", REGISTRY / "add_sub", "--name", "tenant-a/mine", "--json")
    assert ran.json["published"][0]["model"] == "tenant-a/mine_v0.tar.gz"
    many = mme("models", "add", REGISTRY / "add_sub", REGISTRY / "digits", "--name", "x")
    assert many.status == 2
    assert "2 models can't all be called x" in many.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([""], "the path '' is empty"),
        ([REGISTRY / "add_sub", "--name", ""], "'' can't be a model's name"),
        ([REGISTRY / "add_sub", "--name", "a b"], "'a b' can't be a model's name"),
    ],
)
def test_invalid_arguments_are_refused_before_any_request(mme, arguments: list[object], message: str) -> None:
    ran = mme("models", "add", *arguments)
    assert ran.status == 2
    assert ran.err.startswith(f"error: {message}")


def test_older_content_is_named(aws, mme, tmp_path: Path) -> None:
    model = shutil.copytree(REGISTRY / "add_sub", tmp_path / "add_sub")
    mme("models", "add", model)
    original = (model / "1" / "model.py").read_text()
    (model / "1" / "model.py").write_text(original + "# changed\n")
    assert mme("models", "add", model).rows[1].startswith("add_sub_v1.tar.gz published ")
    (model / "1" / "model.py").write_text(original)
    row = mme("models", "add", model).rows[1]
    assert row.startswith("add_sub_v0.tar.gz unchanged: this older version has the same content ")


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda m: (m / "config.pbtxt").unlink(), "config.pbtxt is missing"),
        (shutil.rmtree, "no such directory"),
        (lambda m: (m / "link").symlink_to("/etc/hosts"), "symbolic link"),
        (lambda m: (m / "config.pbtxt").write_text("{{"), "not a Triton model configuration"),
    ],
)
def test_bad_models_are_one_clear_line(aws, mme, tmp_path: Path, break_it, message: str) -> None:
    model = shutil.copytree(
        REGISTRY / "add_sub", tmp_path / "add_sub", ignore=shutil.ignore_patterns("__pycache__")
    )
    break_it(model)
    ran = mme("models", "add", model)
    assert ran.status == 2
    assert ran.err.startswith(f"error: {model}: ")
    assert message in ran.err.splitlines()[0]
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert keys(aws) == []


def test_list(aws, mme) -> None:
    empty = mme("models", "list")
    assert (empty.status, empty.out) == (0, "")
    assert "no models in s3://models/models/" in empty.err
    assert mme("models", "list", "--json").json == []
    mme("models", "add", REGISTRY / "add_sub")
    aws.put_object(Bucket="models", Key="models/other.tar.gz", Body=b"x" * 1500)
    ran = mme("models", "list")
    assert ran.out.splitlines()[0].split() == ["MODEL", "VERSION", "SIZE", "AGE", "ALIAS", "LOADED", "DIGEST"]
    assert any(line.split()[:4] == ["other.tar.gz", "-", "1.5", "kB"] for line in ran.out.splitlines())
    assert "\x1b" not in ran.out  # no colours in a pipe
    listed = mme("models", "list", "--json").json
    assert [(one["model"], one["name"], one["version"]) for one in listed] == [
        ("add_sub_v0.tar.gz", "add_sub", 0),
        ("other.tar.gz", "other", None),
    ]
    assert len(listed[0]["digest"]) == 64
    assert listed[1]["digest"] is None


def test_list_of_one_tenant(aws, mme) -> None:
    for name in ("tenant-a/x", "tenant-a/y", "tenant-b/x"):
        assert mme("models", "add", REGISTRY / "add_sub", "--name", name).status == 0
    listed = mme("models", "list", "tenant-a/", "--json").json
    assert [one["model"] for one in listed] == ["tenant-a/x_v0.tar.gz", "tenant-a/y_v0.tar.gz"]
    assert [one["name"] for one in mme("models", "list", "tenant-a/y", "--json").json] == ["tenant-a/y"]
    assert "no models with the prefix c/ in s3://models/models/" in mme("models", "list", "c/").err


def test_no_local_endpoint_on_the_configured_port(mme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MME_ENDPOINT_URL")
    monkeypatch.setenv("MME_LOCAL_PORT", "9")
    ran = mme("models", "list")
    assert ran.status == 2
    assert "nothing answers at http://localhost:9:" in ran.err
    assert ran.err.endswith("mme local up --detach --port 9\n")


@pytest.fixture
def other_server() -> Iterator[str]:
    """A web server that is not AWS: each answer is a page with the status that starts the path."""

    def answer(request: Request) -> Response:
        return Response("<html><p>hello", int(request.path.split("/")[1]), content_type="text/html")

    server = make_server("127.0.0.1", 0, Request.application(answer), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.mark.parametrize("status", [200, 404, 405, 501])
def test_some_other_server(mme, other_server: str, status: int) -> None:
    url = f"{other_server}/{status}"
    for command in (("models", "list"), ("invoke", "x_v0.tar.gz", "-i", "X=1")):
        ran = mme("--endpoint-url", url, *command)
        assert ran.status == 2
        assert ran.err.startswith(f"error: {url} does not answer like AWS")
        assert "Traceback" not in ran.err


def test_no_such_stack(aws, mme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    ran = mme("--env", "staging", "--region", "us-east-1", "models", "list")
    assert ran.status == 2
    assert "the stack mme-staging-serving does not exist" in ran.err
    assert "cdk deploy -c env=staging 'staging/*'" in ran.err
    named = mme("--stack", "Mine", "models", "list")
    assert named.status == 2
    assert named.err.startswith("error: the stack Mine does not exist in us-east-1\n")
    assert "env" not in named.err


def test_deleted_bucket(aws, mme) -> None:
    aws.delete_bucket(Bucket="models")
    ran = mme("models", "list")
    assert ran.status == 2
    assert "the bucket models does not exist" in ran.err
