from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import Stack, Token

from mme_cdk import (
    ModelStore,
    MultiModel,
    MultiModelEndpoint,
    Processor,
    PropsError,
    ServingImage,
    TritonLogLevel,
    TritonSettings,
)

TRITON = ServingImage.triton("26.05")
QUIET = {"SAGEMAKER_TRITON_LOG_VERBOSE": "0"}
OWN = ServingImage.from_uri("111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/server:7")


def environment_of(template: Any) -> dict[str, str]:
    container = template.one("AWS::SageMaker::Model")["PrimaryContainer"]
    return dict(container.get("Environment", {}))


@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        (TritonSettings(), QUIET),
        (
            TritonSettings(shm_default_bytes=2**26, shm_growth_bytes=2**24),
            {
                **QUIET,
                "SAGEMAKER_TRITON_SHM_DEFAULT_BYTE_SIZE": "67108864",
                "SAGEMAKER_TRITON_SHM_GROWTH_BYTE_SIZE": "16777216",
            },
        ),
        (
            TritonSettings(thread_count=16, buffer_manager_thread_count=2),
            {
                **QUIET,
                "SAGEMAKER_TRITON_THREAD_COUNT": "16",
                "SAGEMAKER_TRITON_BUFFER_MANAGER_THREAD_COUNT": "2",
            },
        ),
        (TritonSettings(gpu_memory_limit=0.8), {**QUIET, "SAGEMAKER_TRITON_MODEL_LOAD_GPU_LIMIT": "0.8"}),
        (TritonSettings(log_level=TritonLogLevel.VERBOSE), {"SAGEMAKER_TRITON_LOG_VERBOSE": "1"}),
        (TritonSettings(log_level=TritonLogLevel.INFO), QUIET),
        (
            TritonSettings(log_level=TritonLogLevel.WARNING),
            {**QUIET, "SAGEMAKER_TRITON_LOG_INFO": "false"},
        ),
        (
            TritonSettings(log_level=TritonLogLevel.ERROR),
            {**QUIET, "SAGEMAKER_TRITON_LOG_INFO": "false", "SAGEMAKER_TRITON_LOG_WARNING": "false"},
        ),
        (
            TritonSettings(auto_complete_config=False),
            {**QUIET, "SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config"},
        ),
        (
            TritonSettings(auto_complete_config=False, additional_arguments=["--exit-timeout-secs=60"]),
            {
                **QUIET,
                "SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--exit-timeout-secs=60 --disable-auto-complete-config",
            },
        ),
    ],
)
def test_each_setting_is_a_variable(
    stack: Stack, models: ModelStore, synth, settings: TritonSettings, variables: dict[str, str]
) -> None:
    MultiModel(stack, "Model", image=TRITON, models=models, triton=settings)
    assert environment_of(synth(stack)) == variables


def test_free_variables_in_addition_to_the_settings(stack: Stack, models: ModelStore, synth) -> None:
    MultiModelEndpoint(
        stack,
        "Endpoint",
        image=TRITON,
        models=models,
        instance_type="ml.g5.xlarge",
        triton=TritonSettings(thread_count=4),
        environment={"SAGEMAKER_TRITON_LOG_VERBOSE": "2", "TEAM": "a"},
    )
    assert environment_of(synth(stack)) == {
        "SAGEMAKER_TRITON_LOG_VERBOSE": "2",
        "SAGEMAKER_TRITON_THREAD_COUNT": "4",
        "TEAM": "a",
    }


def test_an_image_built_on_triton(stack: Stack, models: ModelStore, synth) -> None:
    MultiModel(stack, "Model", image=OWN, models=models, triton=TritonSettings(thread_count=4))
    assert environment_of(synth(stack)) == {**QUIET, "SAGEMAKER_TRITON_THREAD_COUNT": "4"}


def test_tokens_are_left_to_deployment(stack: Stack, models: ModelStore, synth) -> None:
    count = Token.as_number({"Ref": "Threads"})
    MultiModel(stack, "Model", image=TRITON, models=models, triton=TritonSettings(thread_count=count))
    assert environment_of(synth(stack))["SAGEMAKER_TRITON_THREAD_COUNT"]["Ref"] == "Threads"


@pytest.mark.parametrize(
    ("image", "settings", "environment", "fault"),
    [
        (TRITON, {"shm_default_bytes": 16}, {}, r"shm_default_bytes is 16; must be at least 1048576"),
        (TRITON, {"shm_growth_bytes": -1}, {}, r"shm_growth_bytes is -1"),
        (TRITON, {"thread_count": 0}, {}, r"[^_]thread_count is 0; must be at least 1"),
        (TRITON, {"buffer_manager_thread_count": 0}, {}, r"buffer_manager_thread_count is 0"),
        (TRITON, {"gpu_memory_limit": 0}, {}, r"gpu_memory_limit is 0; .* above 0 up to 1: use 0\.8"),
        (TRITON, {"gpu_memory_limit": 80}, {}, r"gpu_memory_limit is 80; "),
        (
            ServingImage.triton("26.05", processor=Processor.CPU),
            {"gpu_memory_limit": 0.5},
            {},
            r"gpu_memory_limit is set; Triton .* \(CPU build\) uses no GPU: leave it out",
        ),
        (TRITON, {"additional_arguments": ["--a b"]}, {}, r"'--a b' contains white space, at which serve"),
        (TRITON, {"additional_arguments": [""]}, {}, r"additional argument '' contains"),
        (ServingImage.xgboost("3.2-0"), {}, {}, r"triton settings are given; XGBoost 3\.2-0 is not Triton"),
        (
            TRITON,
            {"thread_count": 4},
            {"SAGEMAKER_TRITON_THREAD_COUNT": "4"},
            r"environment sets SAGEMAKER_TRITON_THREAD_COUNT, which the triton settings set, too: use one",
        ),
        (
            TRITON,
            {"auto_complete_config": False},
            {"SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--x"},
            r"sets SAGEMAKER_TRITON_ADDITIONAL_ARGS, .* too: use additional_arguments",
        ),
        (
            TRITON,
            {"log_level": TritonLogLevel.INFO},
            {"SAGEMAKER_TRITON_LOG_VERBOSE": "1"},
            r"environment sets SAGEMAKER_TRITON_LOG_VERBOSE, which",
        ),
    ],
)
def test_faults(
    stack: Stack,
    models: ModelStore,
    image: ServingImage,
    settings: dict[str, Any],
    environment: dict[str, str],
    fault: str,
) -> None:
    with pytest.raises(PropsError, match=fault):
        MultiModel(
            stack,
            "Model",
            image=image,
            models=models,
            triton=TritonSettings(**settings),
            environment=environment,
        )


def test_all_faults_at_once(stack: Stack, models: ModelStore) -> None:
    with pytest.raises(PropsError, match=r"^TritonSettings: ") as raised:
        TritonSettings(thread_count=0, gpu_memory_limit=2)
    assert len(raised.value.faults) == 2
    settings = TritonSettings(gpu_memory_limit=0.5)
    image = ServingImage.triton("26.05", processor=Processor.CPU)
    with pytest.raises(PropsError, match=r"^Test/Model: ") as raised:
        MultiModel(stack, "Model", image=image, models=models, triton=settings, environment={"no-name": "x"})
    assert len(raised.value.faults) == 2


@pytest.mark.parametrize(
    ("environment", "fault"),
    [
        (
            {"1st": "x"},
            r"environment variable '1st' is not a valid name: use letters, digits and _, no digit",
        ),
        ({"LONG": "x" * 1025}, r"the value of environment variable LONG has 1025 bytes; .* 1024"),
        ({"N" * 1025: "x"}, r"the name of environment variable N{40} has 1025 bytes"),
        (
            {f"V{n}": "é" * 512 for n in range(40)},
            r"the environment of all containers has 41\d\d\d bytes; .* 32768",
        ),
    ],
)
def test_variables_that_sagemaker_refuses(
    stack: Stack, models: ModelStore, environment: dict[str, str], fault: str
) -> None:
    with pytest.raises(PropsError, match=fault):
        MultiModel(stack, "Model", image=TRITON, models=models, environment=environment)
