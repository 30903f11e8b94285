"""The example models in the real server, without auto-complete of their config.pbtxt."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import numpy as np
import pytest

from mme.client import decode_reply, encode_request
from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.process import TritonProcess
from mme_local.containers.triton.wheel import why_not_here
from model_registry.digits_data import held_out

pytestmark = [
    pytest.mark.slow,
    pytest.mark.triton,
    pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}"),
]

REGISTRY = Path(__file__).parents[2] / "model_registry"


async def answers(
    folder: Path, name: str, requests: list[dict[str, np.ndarray]]
) -> list[dict[str, np.ndarray]]:
    triton = TritonProcess(
        TritonInstallation.create(folder / "private"),
        folder / "run",
        {"SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config"},
        start_seconds=120,
    )
    await triton.start()
    try:
        model = folder / "opt" / "ml" / "models" / "abc" / "model"
        shutil.copytree(REGISTRY / name, model, ignore=shutil.ignore_patterns("__pycache__"))
        loaded = await triton.load("abc", f"{name}_v0.tar.gz", model, 60)
        assert loaded.status == 200, loaded.body
        decoded = []
        for inputs in requests:
            request = encode_request(inputs)
            headers = {"Content-Type": request.content_type}
            reply = await triton.invoke("abc", f"{name}_v0.tar.gz", request.body, headers, 60)
            assert reply.status == 200, reply.body
            decoded.append(decode_reply(reply.body, reply.content_type))
        return decoded
    finally:
        await triton.stop()


def test_add_sub(tmp_path: Path) -> None:
    first, second = np.arange(8, dtype=np.float32).reshape(2, 4) * 1.5
    (answer,) = asyncio.run(answers(tmp_path, "add_sub", [{"INPUT0": first, "INPUT1": second}]))
    np.testing.assert_array_equal(answer["OUTPUT0"], first + second)
    np.testing.assert_array_equal(answer["OUTPUT1"], first - second)


def test_digits_reads_what_it_never_saw(tmp_path: Path) -> None:
    images, labels = held_out()
    # 128 at most a request, as its config says: four requests for all 450.
    batches = [{"image": images[start : start + 128]} for start in range(0, len(images), 128)]
    replies = asyncio.run(answers(tmp_path, "digits", batches))
    read = np.concatenate([reply["label"] for reply in replies])
    assert read.shape == (450, 1)
    assert (read[:, 0] == labels).mean() >= 0.97
    assert replies[0]["probabilities"].shape == (128, 10)
