"""PyTorch images on real TorchServe, if torch and torchserve are installed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from botocore.exceptions import ClientError

from mme_local.containers.mms import handler as handlers
from mme_local.containers.mms.installation import TORCHSERVE, MmsInstallation, has
from mme_local.containers.mms.torchserve import TorchServeContainer
from tests.archives.archive_builder import write_files
from tests.mme_local.containers.mms.sources import csv
from tests.mme_local.containers.mms.test_runtime import log_of, status_of
from tests.mme_local.deployed import Endpoint, Runtime

pytestmark = [
    pytest.mark.slow,
    pytest.mark.nightly,
    *(
        pytest.mark.skipif(not has(module), reason=f"{package} is not installed: PyTorch images need Docker")
        for package, module in (("torch", "torch"), ("torchserve", "ts"))
    ),
]

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"
ROWS = [[1.0, 2.0, 3.0, 4.0], [-1.0, 0.5, 0.0, 2.0]]
PROGRAM = """
import os, torch

def model_fn(model_dir):
    model = torch.nn.Linear(4, 3)
    model.load_state_dict(torch.load(os.path.join(model_dir, "model.pth"), weights_only=True))
    return model

def predict_fn(data, model):
    if data[0, 0] == 99:
        os._exit(1)
    with torch.no_grad():
        return model(data) + 10
"""


def saved(module: Any, *, script: bool) -> bytes:
    import torch

    file = io.BytesIO()
    if script:
        torch.jit.save(torch.jit.script(module), file)
    else:
        torch.save(module.state_dict(), file)
    return file.getvalue()


def linear(seed: int) -> Any:
    import torch

    torch.manual_seed(seed)
    return torch.nn.Linear(4, 3).eval()


def outputs(module: Any) -> Any:
    import torch

    return module(torch.tensor(ROWS)).detach().numpy()


@pytest.mark.triton
def test_models_of_an_endpoint(cpu_runtime: Runtime) -> None:
    endpoint = Endpoint(cpu_runtime, image=IMAGE)
    program, script = linear(0), linear(1)
    weights = {"model.pth": saved(program, script=False)}
    endpoint.publish("program_v0.tar.gz", {**weights, "code/inference.py": PROGRAM})
    endpoint.publish("script_v0.tar.gz", {"model.pth": saved(script, script=True)})
    endpoint.publish("broken_v0.tar.gz", weights)

    answer = json.loads(endpoint.invoke("program_v0.tar.gz", json.dumps(ROWS)))
    assert np.array(answer) == pytest.approx(outputs(program) + 10)
    text = endpoint.invoke("script_v0.tar.gz", csv(ROWS), ContentType="text/csv", Accept="text/csv")
    got = [[float(cell) for cell in line.split(",")] for line in text.decode().splitlines()]
    assert np.array(got) == pytest.approx(outputs(script))

    with pytest.raises(ClientError) as refused:
        endpoint.invoke("broken_v0.tar.gz", json.dumps(ROWS))
    assert refused.value.response["Error"]["Code"] == "ModelError"
    assert "model.pth can't be loaded; without model_fn, it must be TorchScript" in str(refused.value)

    served = f"{IMAGE} is served by TorchServe 0.12.0 with this project's PyTorch handler (torch "
    assert served in log_of(cpu_runtime, endpoint)
    assert "served by TorchServe 0.12.0 with this project's PyTorch" in " ".join(
        status_of(cpu_runtime).split()
    )
    endpoint.delete()


async def test_the_contract(tmp_path: Path) -> None:
    model = linear(2)
    files = {"model.pth": saved(model, script=False), "code/inference.py": PROGRAM}
    path = write_files(tmp_path / "good" / "model", files)
    bad = write_files(
        tmp_path / "bad" / "model", {"code/inference.py": "def model_fn(path): raise MemoryError"}
    )
    container = TorchServeContainer(
        MmsInstallation.find(TORCHSERVE),
        handlers.pytorch({}),
        IMAGE,
        tmp_path / "instance",
        {"TS_MANAGEMENT_ADDRESS": "http://0.0.0.0:8081", "TS_DISABLE_TOKEN_AUTHORIZATION": "true"},
        start_seconds=120,
        log=tmp_path / "log",
    )
    plain = {"Content-Type": "application/json"}
    await container.start()
    try:
        assert (await container.load("aa", "good", path, 120)).status == 200
        assert (await container.load("aa", "good", path, 120)).status == 409
        assert (await container.load("bb", "bad", bad, 120)).status == 507
        listed = await container.request("GET", "/models", {}, b"", 20)
        assert [one["modelName"] for one in json.loads(listed.body)["models"]] == ["aa"]

        died = await container.invoke("aa", "good", b"[[99, 0, 0, 0]]", plain, 20)
        assert (died.status, died.fatal) == (500, "")
        answer = await container.invoke("aa", "good", json.dumps(ROWS).encode(), plain, 60)
        assert np.array(json.loads(answer.body)) == pytest.approx(outputs(model) + 10)

        assert (await container.unload("aa", "good")).status == 200
        assert (await container.unload("aa", "good")).status == 404
        assert (path / "model.pth").exists()

        assert container.pid
        ports = {one.laddr for one in psutil.Process(container.pid).net_connections("inet")}
        assert {host.removeprefix("::ffff:") for host, _ in ports} == {"127.0.0.1"}
        for _, port in ports:
            assert codes(port) == {"PERMISSION_DENIED", "UNIMPLEMENTED"}
    finally:
        await container.stop()


def codes(port: int) -> set[str]:
    """How gRPC calls without a key end, one to each service."""
    import grpc

    found = set()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for method in ("management.ManagementAPIsService/ListModels", "inference.InferenceAPIsService/Ping"):
            with pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary(f"/org.pytorch.serve.grpc.{method}")(b"", timeout=20)
            found.add(refused.value.code().name)
    return found
