"""Triton's errors of loads: SageMaker's paths, the cause first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mme.client.container_fault import read_fault
from mme_local.containers.container import ContainerReply
from mme_local.containers.triton.load_errors import readable, with_sagemaker_paths

FOLDER = Path("/tmp/mme-local-0-x/instances/3")
HASH = "0123456789abcdef0123456789abcdef"
MODEL = f"{FOLDER}/models/{HASH}/model/1/model.py"
ON_SAGEMAKER = f"/opt/ml/models/{HASH}/model/1/model.py"
START = f"load failed for model '{FOLDER}/models/{HASH}::m.tar.gz': version 1 is at UNAVAILABLE state: "
HERE = START.replace(f"{FOLDER}/models", "/opt/ml/models")
FROZEN = "  <frozen importlib._bootstrap>(241): _call_with_frames_removed\n"
BACKEND = "  /tmp/mme-local-0-x/triton/backends/onnxruntime/model.py(45): initialize\n"
LOG = f"""I1130 sagemaker_server.cc:360] "Loading SageMaker TargetModel: m.tar.gz"
[libprotobuf ERROR text_format.cc] Error parsing text-format inference.ModelConfig: 2:43: Unknown value "X".
E1130 model_repository.cc:1460] "Poll failed for model directory '{FOLDER}::m': failed to read text proto"
"""
MISSING = (
    f"E1 m.cc:1] \"Poll failed for model directory 'x': failed to open {FOLDER}/models/h/model/c.pbtxt\"\n"
)


def reply(text: str) -> ContainerReply:
    return ContainerReply(400, json.dumps({"error": text}).encode(), "application/json")


@pytest.mark.parametrize(
    ("text", "log", "expected"),
    [
        (
            f"{START}Internal: ValueError: broken\n\nAt:\n  {MODEL}(1): <module>\n{FROZEN}{FROZEN};\n",
            "",
            f"{HERE}Internal: ValueError: broken\n\nAt:\n  {ON_SAGEMAKER}(1): <module>\n;\n",
        ),
        (
            f"{START}Internal: E: one\ntwo\n\nAt:\n  /usr/lib/x.py(9): f\n  {MODEL}(3): f\n{FROZEN};\n",
            "",
            f"{HERE}Internal: E: one\n\nAt:\n  {ON_SAGEMAKER}(3): f\n;\n",
        ),
        (
            f"{START}Internal: TritonModelException: unexpected inference input 'x'\n\nAt:\n{BACKEND};\n",
            "",
            f"{HERE}Invalid argument: unexpected inference input 'x';\n",
        ),
        (
            "failed to load 'm.tar.gz', failed to poll from model repository",
            LOG,
            "failed to load 'm.tar.gz', failed to poll from model repository: 2:43: Unknown value \"X\".",
        ),
        (
            "failed to load 'm.tar.gz', failed to poll from model repository",
            MISSING,
            "failed to load 'm.tar.gz', failed to poll from model repository: failed to open "
            "/opt/ml/models/h/model/c.pbtxt",
        ),
        (
            "failed to load 'm.tar.gz', failed to poll from model repository",
            "",
            "failed to load 'm.tar.gz', failed to poll from model repository",
        ),
        ("a\nb\nc\nd\ne;\n", "", "a\nb\nc;"),
    ],
)
def test_an_error_is_short_and_has_no_path_of_this_machine(text: str, log: str, expected: str) -> None:
    found = readable(reply(text), FOLDER, log)
    assert json.loads(found.body) == {"error": expected}
    assert len([line for line in expected.splitlines() if line.strip(" ;")]) <= 3


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[]", b'{"error":1}', b'{"message":"x"}'])
def test_other_answers_stay(body: bytes) -> None:
    found = ContainerReply(400, body, "application/json")
    assert readable(found, FOLDER, "") == with_sagemaker_paths(found, FOLDER) == found


def test_the_client_reads_it() -> None:
    text = f"{START}Internal: ValueError: broken\n\nAt:\n  {MODEL}(7): <module>\n{FROZEN};\n"
    fault = read_fault(readable(reply(text), FOLDER).text, 400)
    assert (fault.cause, fault.file, fault.line) == (
        "ValueError: broken (1/model.py line 7)",
        "1/model.py",
        7,
    )
