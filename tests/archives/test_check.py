"""Each broken directory has its error; models that Triton can load have none."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import joblib
import pytest
from sklearn.dummy import DummyClassifier

from mme.archives.check import check_model
from mme.archives.errors import ArchiveError
from mme.archives.explain import explain
from mme.errors import MmeError
from mme.registry.tiny_onnx import doubling_model
from tests.archives.archive_builder import CONFIG, PIPELINE
from tests.archives.model_files.saved_model_builder import saved_model

CODE = "class TritonPythonModel:\n    def execute(self, requests): ..."

BROKEN = {
    "empty": ({}, "empty-directory", "the directory is empty"),
    "only junk": ({"__pycache__/x.pyc": "", ".DS_Store": ""}, "empty-directory", "is empty"),
    "no config": ({"1/model.py": "x"}, "config-missing", "config.pbtxt is missing"),
    "wrapper": (
        {"inner/config.pbtxt": CONFIG, "inner/1/model.py": ""},
        "wrapper-directory",
        "one level too deep, in the wrapper directory inner/",
    ),
    "two wrappers": ({"a/b/config.pbtxt": CONFIG}, "config-missing", "config.pbtxt is missing"),
    "wrapper without config": (
        {"inner/1/model.onnx": doubling_model()},
        "config-missing",
        "config.pbtxt is missing",
    ),
    "not built": ({"config.pbtxt": CONFIG}, "model-file-missing", "1/model.py is missing"),
}


@pytest.mark.parametrize(("files", "code", "words"), BROKEN.values(), ids=BROKEN)
def test_broken_directory_gets_its_own_error(make_model, files, code, words) -> None:
    path = make_model(files)
    with pytest.raises(ArchiveError) as caught:
        check_model(path)
    assert caught.value.codes == (code,)
    assert words in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_an_ensemble_next_to_its_steps_passes(make_model) -> None:
    assert check_model(make_model(PIPELINE)).directory.name == "doubler"


def test_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no such directory"):
        check_model(tmp_path / "absent")


def test_archive_instead_of_directory(tmp_path: Path) -> None:
    archive = tmp_path / "x_v0.tar.gz"
    archive.write_bytes(b"")
    with pytest.raises(ArchiveError, match="packed for you"):
        check_model(archive)
    (tmp_path / "net.onnx").write_bytes(b"")
    with pytest.raises(ArchiveError, match=r"make it: mme models new NAME --from \S+net\.onnx"):
        check_model(tmp_path / "net.onnx")


def test_symbolic_links_are_named(good_model: Path) -> None:
    (good_model / "1" / "weights").symlink_to("/etc/hosts")
    (good_model / "shared").symlink_to(good_model.parent, target_is_directory=True)
    with pytest.raises(ArchiveError) as caught:
        check_model(good_model)
    assert caught.value.codes == ("symlink",)
    assert "2 symbolic links, such as: 1/weights is a symbolic link to /etc/hosts" in str(caught.value)
    assert caught.value.hint == f"copy the files: cp -aL {good_model} COPY; or give --follow-links"


def test_a_hugging_face_cache_is_recognised(good_model: Path) -> None:
    (good_model / "1" / "hub" / "snapshots" / "r1").mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (good_model / "1" / "hub" / "snapshots" / "r1" / name).symlink_to("../../blobs/abc")
    with pytest.raises(
        ArchiveError, match="Hugging Face cache: give --follow-links, or download the model with local_dir="
    ):
        check_model(good_model)


def test_secrets_environments_and_what_the_ignore_file_names_are_left_out(good_model: Path) -> None:
    (good_model / ".mmeignore").write_text("# notes\n*.csv\n1/drafts/\n")
    for path in (".env", ".venv/bin/python", "data.csv", "1/drafts/x", "1/model.py~", "1/kept.txt"):
        (good_model / path).parent.mkdir(parents=True, exist_ok=True)
        (good_model / path).write_text("x")
    directory = check_model(good_model).directory
    assert directory.left_out == (".env", ".venv", "1/drafts", "1/model.py~", "data.csv")
    assert [member.path for member in directory.members] == ["1", "1/kept.txt", "1/model.py", "config.pbtxt"]
    found = explain(good_model)
    assert found.codes == ("left-out",)
    assert "left out: .env, .venv, 1/drafts" in found.findings[0].message


@pytest.mark.parametrize(
    ("files", "framework"),
    [
        ({"xgboost-model": "x"}, "xgboost"),
        ({"model.joblib": "x", "code/inference.py": "def model_fn(d): ..."}, "scikit-learn"),
        ({"1/saved_model.pb": saved_model(), "1/variables/variables.index": "x"}, "tensorflow"),
        ({"model.pth": "x", "code/inference.py": "def model_fn(d): ..."}, "pytorch"),
        ({"config.json": "{}", "model.safetensors": "x"}, "pytorch"),
    ],
)
def test_archives_of_other_containers_can_be_published(make_model, files, framework: str) -> None:
    model = check_model(make_model(files))
    assert (model.framework, model.signature.inputs) == (framework, ())


def test_special_files_are_named(good_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(good_model / "1" / "pipe")
    # A socket's path may have 100-odd characters at most: bind it from within.
    monkeypatch.chdir(good_model)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("sock")
        with pytest.raises(ArchiveError) as caught:
            check_model(good_model)
    assert caught.value.codes == ("special-file", "special-file")
    assert "1/pipe is a named pipe" in str(caught.value)
    assert "sock is a socket" in str(caught.value)


def test_a_name_that_is_not_utf8(good_model: Path) -> None:
    try:
        (Path(os.fsdecode(os.fsencode(good_model) + b"/bad\xff"))).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(ArchiveError) as caught:
        check_model(good_model)
    assert caught.value.codes == ("name-encoding",)
    str(caught.value).encode()  # the message itself can be printed


@pytest.fixture
def as_ordinary_user() -> Iterator[Path]:
    """A folder of a user for whom permissions count: root may read everything."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        if os.geteuid() != 0:
            yield Path(folder)
            return
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)


def test_unreadable_file_and_directory(as_ordinary_user: Path) -> None:
    root = as_ordinary_user / "m"
    (root / "1" / "data").mkdir(parents=True)
    (root / "config.pbtxt").write_text(CONFIG)
    (root / "1" / "model.py").write_text("x")
    (root / "1" / "model.py").chmod(0)
    (root / "1" / "data").chmod(0)
    try:
        with pytest.raises(ArchiveError) as caught:
            check_model(root)
    finally:
        (root / "1" / "data").chmod(0o755)
    assert caught.value.codes == ("unreadable", "unreadable")
    text = str(caught.value)
    assert (
        f"1/model.py can't be read: permission denied; make it readable: chmod u+r {root}/1/model.py" in text
    )
    assert f"chmod u+rx {root}/1/data" in text


def test_unreadable_model(as_ordinary_user: Path) -> None:
    root = as_ordinary_user / "m"
    root.mkdir(0)
    with pytest.raises(ArchiveError) as caught:
        check_model(root)
    root.chmod(0o755)
    assert str(caught.value) == (
        f"{root}: the directory can't be read: permission denied\nmake it readable: chmod u+rx {root}"
    )


def test_several_errors_are_reported_at_once(make_model) -> None:
    path = make_model({"config.pbtxt": "nonsense!", "v1/model.py": ""})
    with pytest.raises(ArchiveError) as caught:
        check_model(path)
    assert caught.value.codes == ("config-syntax", "version-name")
    assert isinstance(caught.value, MmeError)


def test_link_to_a_model_keeps_the_links_name(good_model: Path) -> None:
    link = good_model.parent / "current"
    link.symlink_to(good_model, target_is_directory=True)
    assert check_model(link).directory.name == "current"


def test_trailing_slash_and_dots_change_nothing(good_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(good_model)
    for path in (str(good_model), f"{good_model}/", ".", "./", f"{good_model}/1/.."):
        assert check_model(path).directory.name == "doubler"


def test_a_file_that_is_no_estimator_is_named(make_model) -> None:
    for content in (b"hello", b""):
        with pytest.raises(ArchiveError, match=r"m\.pkl is (not a saved estimator|an empty file)"):
            check_model(make_model({"m.pkl": content}))


@pytest.mark.parametrize("compress", [0, "zlib", "gzip", "bz2", "lzma", "xz"])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_every_file_of_joblib_is_an_estimator(make_model, tmp_path: Path, compress, protocol: int) -> None:
    file = tmp_path / "m.joblib"
    joblib.dump(DummyClassifier(), file, compress=compress, protocol=protocol)
    assert check_model(make_model({"m.joblib": file.read_bytes()})).framework == "scikit-learn"
