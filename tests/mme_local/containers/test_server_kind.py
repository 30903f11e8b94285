"""Which server serves in place of an image."""

from __future__ import annotations

import pytest

from mme.errors import MmeError
from mme_local.containers.server_kind import repository_of, server_kind
from mme_local.settings import LocalSettings, ServerKind, chosen_settings

AWS = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
OWN = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/scorer:7"


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        (f"{AWS}/sagemaker-xgboost:3.0-5", "sagemaker-xgboost"),
        (OWN, "team/scorer"),
        (f"{OWN}@sha256:{'a' * 64}", "team/scorer"),
        ("localhost:5000/scorer:1", "scorer"),
        ("nvcr.io/nvidia/tritonserver:26.05-py3", "nvidia/tritonserver"),
        ("scorer", "scorer"),
        ("team/scorer:1", "team/scorer"),
        ("", ""),
    ],
)
def test_the_repository(image: str, repository: str) -> None:
    assert repository_of(image) == repository


@pytest.mark.parametrize(
    ("image", "environment", "kind"),
    [
        (f"{AWS}/sagemaker-tritonserver:26.05-py3", {}, ServerKind.TRITON),
        (f"{AWS}/sagemaker-tritonserver:26.05-py3", {"SAGEMAKER_PROGRAM": "a.py"}, ServerKind.TRITON),
        ("nvcr.io/nvidia/tritonserver:26.05-py3", {}, ServerKind.TRITON),
        (f"{AWS}/sagemaker-xgboost:1.7-1", {}, ServerKind.XGBOOST),
        (f"{AWS}/sagemaker-scikit-learn:1.4-2-cpu-py3", {}, ServerKind.SCIKIT_LEARN),
        (f"{AWS}/huggingface-pytorch-inference:2.6-cpu", {}, ServerKind.HUGGING_FACE),
        (OWN, {"SAGEMAKER_HANDLER": "scorer.handler"}, ServerKind.TOOLKIT),
        (OWN, {"SAGEMAKER_PROGRAM": "inference.py"}, ServerKind.TOOLKIT),
    ],
)
def test_by_repository_and_environment(image: str, environment: dict[str, str], kind: ServerKind) -> None:
    assert server_kind(image, environment, {}) is kind


def test_the_setting_decides_first() -> None:
    images = LocalSettings(images="team/*=triton, sagemaker-xgboost = toolkit").server_kinds
    assert server_kind(OWN, {"SAGEMAKER_PROGRAM": "a.py"}, images) is ServerKind.TRITON
    assert server_kind(f"{AWS}/sagemaker-xgboost:3.0-5", {}, images) is ServerKind.TOOLKIT


@pytest.mark.parametrize(
    ("repository", "reason"),
    [
        ("tensorflow-inference", "TensorFlow Serving"),
        ("knn", "k-NN image .* its code is not published"),
        ("linear-learner", "its code is not published"),
        ("randomcutforest", "its code is not published"),
        ("huggingface-pytorch-tgi-inference", "is unknown; no server of this machine is like it"),
    ],
)
def test_what_needs_docker(repository: str, reason: str) -> None:
    image = f"{AWS}/{repository}:1"
    with pytest.raises(MmeError, match=reason) as refused:
        server_kind(image, {}, {})
    assert refused.value.hint
    assert f"docker pull {image}, then mme local up --containers docker" in refused.value.hint


def test_pytorch_images_run_torchserve_if_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    image = f"{AWS}/pytorch-inference:2.6.0-cpu-py312"
    installed = {"torch", "ts"}
    monkeypatch.setattr("mme_local.containers.server_kind.has", installed.__contains__)
    assert server_kind(image, {}, {}) is ServerKind.PYTORCH
    installed.remove("ts")
    with pytest.raises(
        MmeError, match=r"the PyTorch image .* Docker only: .* torchserve is not installed"
    ) as no:
        server_kind(image, {}, {})
    assert no.value.hint == (
        'pip install "sagemaker-mme[local-cpu]" torch torchserve; or '
        f"docker pull {image}, then mme local up --containers docker"
    )


@pytest.mark.parametrize("text", ["scorer", "scorer=", "=toolkit", "scorer=mxnet"])
def test_a_malformed_setting(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MME_LOCAL_IMAGES", text)
    with pytest.raises(MmeError, match=r"is not REPOSITORY=KIND with a kind of triton, xgboost") as refused:
        chosen_settings()
    assert "MME_LOCAL_IMAGES" in str(refused.value.hint)
