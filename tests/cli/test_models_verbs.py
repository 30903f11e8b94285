"""mme models new, pack, show, diff, verify, promote, rollback, aliases, promote-to, remove, prune."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from mme.client import MultiModelClient, Warmed
from mme.errors import MmeError
from mme.registry.aliases import AliasStore
from mme.registry.tiny_onnx import doubling_model
from tests.archives.archive_builder import write_files
from tests.archives.model_files.saved_model_builder import saved_model
from tests.registry.test_shared_names import CALLING

REGISTRY = Path(__file__).parents[2] / "model_registry"


def keys(s3, bucket: str = "models") -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return shutil.copytree(REGISTRY / "add_sub", tmp_path / "add_sub")


@pytest.fixture
def two(aws, mme, model: Path) -> Path:
    """add_sub_v0 and add_sub_v1."""
    mme("models", "add", model)
    (model / "1" / "model.py").write_text((model / "1" / "model.py").read_text() + "# changed\n")
    mme("models", "add", model)
    return model


def test_new_then_add(aws, mme, tmp_path: Path) -> None:
    for backend in ("python", "onnx", "xgboost"):
        ran = mme("models", "new", f"my-{backend}", "--backend", backend, "--in", tmp_path)
        assert ran.status == 0
        assert f"then: mme models add {tmp_path}/my-{backend}" in ran.out
        assert mme("models", "add", tmp_path / f"my-{backend}").status == 0
    assert keys(aws) == [f"models/my-{name}_v0.tar.gz" for name in ("onnx", "python", "xgboost")]
    ran = mme("models", "new", "net", "--backend", "pytorch", "--in", tmp_path, "--json")
    assert ran.json["next_step"].startswith("python ")
    assert mme("models", "new", "net", "--backend", "caffe").status == 2


def test_new_from_a_file_then_add(aws, mme, tmp_path: Path) -> None:
    source = tmp_path / "net.onnx"
    source.write_bytes(doubling_model())
    ran = mme("models", "new", "net", "--from", source, "--in", tmp_path, "--kind", "gpu")
    assert ran.status == 0
    assert "input X: FP32 [batch, 4]" in ran.out
    assert f"then: mme invoke net --json-input {tmp_path}/net/request.json" in ran.out
    assert "KIND_GPU" in (tmp_path / "net" / "config.pbtxt").read_text()
    assert mme("models", "add", tmp_path / "net").status == 0
    assert keys(aws) == ["models/net_v0.tar.gz"]
    made = mme("models", "new", "again", "--from", source, "--in", tmp_path, "--json").json
    assert made["request"] == str(tmp_path / "again" / "request.json")
    assert made["facts"][0].startswith("ONNX, operator set 13")


def test_a_request_of_another_server_is_sent_as_it_is(mme, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "saved_model.pb").write_bytes(saved_model())
    ran = mme("models", "new", "net", "--from", tmp_path / "export", "--in", tmp_path)
    assert f"then: mme invoke net --body {tmp_path}/net/request.json" in ran.out


def test_new_refuses_options_that_do_not_go_together(mme, tmp_path: Path) -> None:
    ran = mme("models", "new", "net", "--from", "x.onnx", "--backend", "onnx", "--in", tmp_path)
    assert (ran.status, "leave out one of them" in ran.err) == (2, True)
    ran = mme("models", "new", "net", "--input", "x:FP32:4", "--in", tmp_path)
    assert (ran.status, "add --from PATH" in ran.err) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_pack(mme, model: Path, tmp_path: Path) -> None:
    archive = tmp_path / "x.tar.gz"
    ran = mme("models", "pack", model, "-o", archive)
    assert ran.status == 0
    assert f"packed {archive}: " in ran.out
    again = mme("models", "pack", model, "-o", archive)
    assert (again.status, "exists already" in again.err) == (2, True)
    assert mme("models", "pack", model, "-o", archive, "--force", "--json").json["archive"] == str(archive)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    refused = mme("models", "pack", model, "-o", pipe, "--force")
    assert (refused.status, f"{pipe} is a device or a pipe" in refused.err, pipe.is_fifo()) == (2, True, True)


def test_add_warns_of_a_called_name_that_another_archive_has(aws, mme, tmp_path: Path) -> None:
    assert "have a model first inside" not in mme("models", "add", write_files(tmp_path / "one", CALLING)).err
    ran = mme("models", "add", write_files(tmp_path / "two", CALLING), "--json")
    assert ran.json["published"][0]["model"] == "two_v0.tar.gz"
    assert "warning two_v0.tar.gz and one_v0.tar.gz have a model first inside" in ran.err


def test_add_and_pack_follow_links_if_asked(aws, mme, model: Path, tmp_path: Path) -> None:
    (model / "1" / "weights").write_bytes(b"w")
    (model / "1" / "latest").symlink_to("weights")
    refused = mme("models", "pack", model, "-o", tmp_path / "x.tar.gz")
    assert (refused.status, "give --follow-links" in refused.err) == (2, True)
    assert mme("models", "pack", model, "-o", tmp_path / "x.tar.gz", "--follow-links").status == 0
    with tarfile.open(tmp_path / "x.tar.gz") as archive:
        assert archive.getmember("1/latest").isreg()
    assert mme("models", "add", model).status == 2
    added = mme("models", "add", model, "--follow-links", "--json").json["published"]
    assert [one["created"] for one in added] == [True]


def test_show(two, mme) -> None:
    mme("models", "promote", "add_sub_v1.tar.gz", "--as", "add_sub@prod")
    for asked in ("add_sub_v1.tar.gz", "add_sub@prod", "add_sub"):
        out = mme("models", "show", asked).out
        assert "address   s3://models/models/add_sub_v1.tar.gz" in out
        assert "aliases   add_sub@prod" in out
        assert "INPUT0\tinput\tFP32\t[4]" in out
    assert "runs on   python, no batching" in mme("models", "show", "add_sub_v0.tar.gz").out
    facts = mme("models", "show", "add_sub_v0.tar.gz", "--json").json
    first = {"name": "INPUT0", "datatype": "FP32", "shape": [4], "optional": False}
    assert facts["signature"]["inputs"][0] == first
    assert facts["loaded"] is None
    wrong = mme("models", "show", "add_sb_v0.tar.gz")
    assert wrong.status == 2
    assert wrong.err == (
        "error: there is no model 'add_sb_v0.tar.gz' in s3://models/models/\n"
        "did you mean add_sub_v1.tar.gz?\n"
    )


def test_diff(two, mme) -> None:
    out = mme("models", "diff", "add_sub_v0.tar.gz", "add_sub_v1.tar.gz").out
    assert "1/model.py\tchanged\t" in out
    assert "1 file is the same" in out
    assert mme("models", "diff", "add_sub_v0.tar.gz", "add_sub_v0.tar.gz").out.endswith(
        "have the same content\n"
    )
    facts = mme("models", "diff", "add_sub_v0.tar.gz", "add_sub_v1.tar.gz", "--json").json
    assert [one["path"] for one in facts["files"]] == ["1/model.py"]


def test_a_bare_name_is_its_newest_version_except_for_a_deletion(two, mme) -> None:
    assert [one["model"] for one in mme("models", "verify", "add_sub", "--json").json] == [
        "add_sub_v1.tar.gz"
    ]
    assert (
        mme("models", "diff", "add_sub_v0.tar.gz", "add_sub", "--json").json["after"] == "add_sub_v1.tar.gz"
    )
    assert mme("models", "promote", "add_sub", "--as", "add_sub@dev").status == 0
    mme("models", "promote", "add_sub@dev", "--as", "add_sub@prod")
    assert {one["model"] for one in mme("models", "aliases", "--json").json} == {"add_sub_v1.tar.gz"}
    refused = mme("models", "remove", "add_sub", "--yes")
    assert (refused.status, "did you mean add_sub_v1.tar.gz?" in refused.err) == (2, True)
    assert len(mme("models", "list", "--json").json) == 2


def test_verify(two, aws, mme) -> None:
    well = mme("models", "verify")
    assert (well.status, well.out.startswith("2 of 2 models are intact, ")) == (0, True)
    aws.put_object(Bucket="models", Key="models/add_sub_v0.tar.gz", Body=b"broken")
    broken = mme("models", "verify")
    assert broken.status == 1
    assert "add_sub_v0.tar.gz\twrong\tit is not a gzipped tar archive; " in broken.out
    assert mme("models", "verify", "add_sub_v1.tar.gz").status == 0
    assert [one["ok"] for one in mme("models", "verify", "--json").json] == [False, True]


def test_promote_and_rollback(two, mme) -> None:
    for version in (0, 1):
        ran = mme("models", "promote", f"add_sub_v{version}.tar.gz", "--as", "add_sub@prod")
        assert ran.out.startswith(f"add_sub@prod now points at add_sub_v{version}.tar.gz")
    listed = mme("models", "aliases").out.splitlines()
    assert listed[1].split("\t")[:2] == ["add_sub@prod", "add_sub_v1.tar.gz"]
    assert mme("models", "list", "--json").json[1]["aliases"] == ["add_sub@prod"]
    ran = mme("models", "rollback", "add_sub@prod")
    assert ran.out == "add_sub@prod now points at add_sub_v0.tar.gz (was add_sub_v1.tar.gz)\n"
    history = mme("models", "aliases", "add_sub@prod", "--json").json["history"]
    assert [one["action"] for one in history] == ["point", "point", "rollback"]
    assert len(mme("models", "aliases", "add_sub@prod").out.splitlines()) == 4
    for refused, message in (
        (
            ("promote", "add_sub_v1.tar.gz", "--as", "add_sub@prod", "--if", "add_sub_v1.tar.gz"),
            "it was changed meanwhile",
        ),
        (("promote", "add_sub_v1.tar.gz", "--as", "digits@prod"), "did you mean add_sub@prod?"),
        (("promote", "add_sub_v7.tar.gz", "--as", "add_sub@prod"), "did you mean add_sub_v1.tar.gz?"),
        (("rollback", "add_sub@prod"), "can't be rolled back"),
        (("rollback", "other@prod"), "there is no alias other@prod"),
    ):
        ran = mme("models", *refused)
        assert ran.status == 2
        assert message in ran.err


@pytest.mark.parametrize("fault", [None, MmeError("it does not load")])
def test_promote_warms_first(two, aws, mme, monkeypatch: pytest.MonkeyPatch, fault: MmeError | None) -> None:
    mme("models", "promote", "add_sub_v0.tar.gz", "--as", "add_sub@prod")
    stood_for: list[str] = []

    def warm(self: MultiModelClient, models: list[str]) -> Iterator[Warmed]:
        stood_for.extend(one.target for one in AliasStore(aws, "models", "models/").all().aliases)
        yield Warmed(models[0], fault is None, 1.0, fault)

    monkeypatch.setattr(MultiModelClient, "warm", warm)
    ran = mme("models", "promote", "add_sub_v1.tar.gz", "--as", "add_sub@prod", "--warm")
    assert stood_for == ["add_sub_v0.tar.gz"]
    (now,) = mme("models", "aliases", "--json").json
    if fault:
        assert (ran.status, now["model"]) == (2, "add_sub_v0.tar.gz")
        assert "it does not load" in ran.err
    else:
        assert (ran.status, now["model"]) == (0, "add_sub_v1.tar.gz")
        assert "one instance loaded add_sub_v1.tar.gz in 1.0 s" in ran.err


def test_unalias_allows_removing_its_target(two, mme) -> None:
    mme("models", "promote", "add_sub_v1.tar.gz", "--as", "add_sub@prod")
    refused = mme("models", "remove", "add_sub_v1.tar.gz", "--yes")
    assert "or delete it: mme models unalias add_sub@prod" in refused.err
    for arguments, message in (
        (
            ("add_sub@prod",),
            "add --yes",
        ),
        (("add_sub@prod", "--yes", "--if", "add_sub_v0.tar.gz"), "it was changed meanwhile"),
        (("other@prod", "--yes"), "there is no alias other@prod"),
    ):
        ran = mme("models", "unalias", *arguments)
        assert ran.status == 2
        assert message in ran.err
    assert len(mme("models", "aliases", "--json").json) == 1
    ran = mme("models", "unalias", "add_sub@prod", "--yes")
    assert (ran.status, ran.out) == (0, "deleted add_sub@prod (was add_sub_v1.tar.gz)\n")
    assert mme("models", "aliases", "--json").json == []
    assert mme("models", "remove", "add_sub_v1.tar.gz", "--yes").status == 0


def test_remove(two, aws, mme) -> None:
    mme("models", "promote", "add_sub_v1.tar.gz", "--as", "add_sub@prod")
    refused = mme("models", "remove", "add_sub_v1.tar.gz", "--yes")
    assert refused.status == 2
    assert "add_sub@prod points at it" in refused.err
    asked = mme("models", "remove", "add_sub_v0.tar.gz")
    assert asked.status == 2
    assert "add --yes" in asked.err
    ran = mme("models", "remove", "add_sub_v0.tar.gz", "--yes")
    assert ran.status == 0
    assert "serve it until they unload it" in ran.err
    assert [key for key in keys(aws) if key.startswith("models/")] == ["models/add_sub_v1.tar.gz"]


def test_prune(two, mme) -> None:
    shown = mme("models", "prune", "--keep", "1", "--dry-run")
    assert shown.out.startswith("would remove add_sub_v0.tar.gz")
    assert len(mme("models", "list", "--json").json) == 2
    assert mme("models", "prune", "--keep", "1", "--yes", "--json").json["removed"] == ["add_sub_v0.tar.gz"]
    assert "nothing to remove" in mme("models", "prune", "--keep", "1").err


@pytest.fixture
def prod(aws):
    """Another environment in the same AWS."""
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    aws.create_bucket(Bucket="prod-models")
    outputs = {"EndpointName": "mme-prod", "ModelBucketName": "prod-models", "ModelPrefix": "live/"}
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    session.client("cloudformation", endpoint_url=aws.meta.endpoint_url).create_stack(
        StackName="mme-prod-serving", TemplateBody=json.dumps(template)
    )
    return aws


def test_promote_to(prod, two, mme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    to_prod = ("models", "promote-to", "--env", "prod", "--region", "us-east-1")
    ran = mme(*to_prod, "add_sub_v1.tar.gz", "--as", "add_sub@prod")
    assert ran.status == 0, ran.err
    assert ran.out.splitlines()[0].startswith("copied to s3://prod-models/live/add_sub_v1.tar.gz, digest ")
    assert "live/add_sub_v1.tar.gz" in keys(prod, "prod-models")
    listed = mme("--env", "prod", "--region", "us-east-1", "models", "list", "--json").json
    assert [(one["model"], one["aliases"]) for one in listed] == [("add_sub_v1.tar.gz", ["add_sub@prod"])]
    again = mme(*to_prod, "add_sub_v1.tar.gz", "--quick", "--json").json
    assert (again["created"], again["content_read"]) == (False, False)
    role = "arn:aws:iam::123456789012:role/publisher"
    assert mme(*to_prod, "add_sub_v0.tar.gz", "--role-arn", role).status == 0
    wrong = mme(*to_prod, "add_sub_v0.tar.gz", "--role-arn", "publisher")
    assert (wrong.status, "not the ARN of a role" in wrong.err) == (2, True)


def test_promote_to_another_account_by_role(two, aws, mme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    role = "arn:aws:iam::222222222222:role/publisher"
    url = aws.meta.endpoint_url
    sts = boto3.client("sts", endpoint_url=url, region_name="us-east-1")
    keys_there = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    there = boto3.Session(
        keys_there["AccessKeyId"], keys_there["SecretAccessKey"], keys_there["SessionToken"], "us-east-1"
    )
    assert there.client("sts", endpoint_url=url).get_caller_identity()["Account"] == "222222222222"
    outputs = {"EndpointName": "mme-prod", "ModelBucketName": "prod-models", "ModelPrefix": "live/"}
    there.client("s3", endpoint_url=url).create_bucket(Bucket="prod-models")
    there.client("cloudformation", endpoint_url=url).create_stack(
        StackName="mme-prod-serving",
        TemplateBody=json.dumps(
            {
                "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
                "Outputs": {name: {"Value": value} for name, value in outputs.items()},
            }
        ),
    )
    to_prod = ("models", "promote-to", "--env", "prod", "--region", "us-east-1", "add_sub_v1.tar.gz")
    without = mme(*to_prod)
    assert (without.status, "mme-prod-serving" in without.err) == (2, True)  # it is not in this account
    ran = mme(*to_prod, "--role-arn", role, "--as", "add_sub@prod", "--json")
    assert ran.status == 0, ran.err
    assert (ran.json["created"], ran.json["content_read"]) == (True, True)
    assert ran.json["alias"]["model"] == "add_sub_v1.tar.gz"
    assert sorted(keys(there.client("s3", endpoint_url=url), "prod-models")) == [
        ".mme/live/@aliases/add_sub@prod.json",
        "live/add_sub_v1.tar.gz",
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_full_disk_is_one_clear_line() -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "mme.cli.main", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert (ran.returncode, ran.stderr) == (
        2,
        "error: the output can't be written: no space left on device\nwrite it to another place\n",
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["cost", "--models", "9", "--json"]])
def test_output_that_no_one_reads_ends_the_command_quietly(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "mme.cli.main", *arguments]
    ran = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (141, "")
