"""Programs of scikit-learn and XGBoost: variables, rights, and the archive that is uploaded."""

from __future__ import annotations

import os
import tarfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack

from mme_cdk import PipelineContainer, PropsError, ServingImage
from tests.mme_cdk.building import XGBOOST, model_in

URL = "s3://code/v1/sourcedir.tar.gz"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "lib").mkdir(parents=True)
    for name in ("inference.py", "lib/rules.py", "lib/rules.pyc", ".secret", "__pycache__/x.pyc"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_a_directory_is_uploaded_and_only_that_archive_may_be_read(
    code: Path, placed: Stack, app: App, synth: Any
) -> None:
    model_in(placed, image=ServingImage.scikit_learn("1.9-0", source=code))
    template = synth(placed)
    variables = template.one("AWS::SageMaker::Model")["PrimaryContainer"]["Environment"]
    url = variables["SAGEMAKER_SUBMIT_DIRECTORY"]
    assert (variables["SAGEMAKER_PROGRAM"], variables["SAGEMAKER_REGION"]) == ("inference.py", "eu-west-1")
    (read,) = template.allowing("s3:GetObject")
    assert url.replace("s3://", "arn:aws:s3:::") in str(read["Resource"]).replace("<AWS::Partition>", "aws")
    (file,) = Path(app.outdir).glob("asset.*")
    with tarfile.open(file) as archive:
        names = archive.getnames()
        assert {(one.mtime, one.uid, one.uname) for one in archive.getmembers()} == {(0, 0, "")}
    assert names == ["inference.py", "lib/rules.py", "lib/rules.pyc"]


def test_equal_files_are_one_asset_whenever_they_were_written(code: Path, probe_stack: Stack) -> None:
    urls = []
    for number in range(2):
        os.utime(code / "inference.py", (number, number))
        image = ServingImage.xgboost("3.2-0", source=str(code))
        model = model_in(probe_stack, id=f"Model{number}", image=image)
        found = probe_stack.resolve(model.node.default_child.primary_container)  # type: ignore[union-attr]
        urls.append(found["environment"]["SAGEMAKER_SUBMIT_DIRECTORY"])
    assert urls[0] == urls[1]


def test_an_archive_in_s3(placed: Stack, synth: Any) -> None:
    image = ServingImage.xgboost("3.2-0", program="serve.py", source=URL)
    model_in(placed, image=XGBOOST, containers_before=[PipelineContainer(image=image)])
    template = synth(placed)
    first, second = template.one("AWS::SageMaker::Model")["Containers"]
    assert first["Environment"]["SAGEMAKER_PROGRAM"] == "serve.py"
    assert first["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"] == URL
    assert "Environment" not in second
    (read,) = template.allowing("s3:GetObject")
    assert "code/v1/sourcedir.tar.gz" in str(read["Resource"])


SKLEARN = ServingImage.scikit_learn("1.9-0")
OWN = {"SAGEMAKER_PROGRAM": "serve.py"}
IN_S3 = ServingImage.scikit_learn("1.9-0", source=URL)


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        (
            {"image": SKLEARN},
            "scikit-learn 1.9-0 ...has no program; its container does not start without one",
        ),
        ({"image": SKLEARN, "environment": OWN}, None),
        ({"image": XGBOOST, "containers_after": [PipelineContainer(image=SKLEARN)]}, "has no program"),
        ({"image": IN_S3}, None),
        ({"image": IN_S3, "environment": OWN}, "environment sets SAGEMAKER_PROGRAM, which the image's"),
        ({"image": IN_S3, "network_isolation": True}, "the container could not download its program"),
        ({"image": SKLEARN, "environment": OWN, "network_isolation": True}, None),
    ],
)
def test_what_would_not_start_is_refused(
    probe_stack: Stack, props: dict[str, Any], fault: str | None
) -> None:
    make = partial(model_in, probe_stack, **props)
    if fault is None:
        make()
        return
    with pytest.raises(PropsError) as refused:
        make()
    assert all(part in str(refused.value) for part in fault.split("..."))


@pytest.mark.parametrize(
    ("program", "source", "fault"),
    [
        ("inference.py", "{}/none", "does not exist: give the directory"),
        ("serve.py", "{}", "has no serve.py: name the program's file"),
        ("inference.py", "{}/inference.py", "is a file: give its directory"),
        ("lib/rules.pyc", "{}", "program lib/rules.pyc is not a Python file"),
        ("inference.py", "s3://bucket", "is not one archive: use s3://BUCKET/KEY/sourcedir.tar.gz"),
        ("inference.py", "s3://bucket/*.tar.gz", "is not one archive"),
    ],
)
def test_a_program_that_is_not_there(code: Path, program: str, source: str, fault: str) -> None:
    with pytest.raises(PropsError, match=r".") as refused:
        ServingImage.scikit_learn("1.9-0", program=program, source=source.format(code))
    assert fault in str(refused.value)
