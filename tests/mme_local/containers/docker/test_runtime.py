"""A whole runtime on containers: deployed, invoked and updated by plain boto3."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess

import pytest

from mme.errors import MmeError
from mme_local import launcher
from mme_local.containers.docker.daemon import connect, has_image
from tests.mme_local.containers.docker.fake_daemon import IMAGE, FakeDaemon
from tests.mme_local.deployed import Endpoint, Runtime, a_runtime

pytestmark = pytest.mark.slow

REAL_IMAGE = os.environ.get("MME_TEST_IMAGE", "")


def an_endpoint(runtime: Runtime, image: str) -> Endpoint:
    endpoint = Endpoint(runtime)
    endpoint.sagemaker.update_endpoint(
        EndpointName=endpoint.name, EndpointConfigName=endpoint.config("docker", 1, Image=image)
    )
    return endpoint


def test_the_deployed_image_answers(daemon: FakeDaemon) -> None:
    daemon.images["763104351884.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:24.09-py3-cpu"] = (
        daemon.images[IMAGE]
    )
    with a_runtime(containers="docker") as runtime:
        endpoint = an_endpoint(runtime, IMAGE)
        endpoint.publish("t/x_v0.tar.gz", {"config.pbtxt": "", "1/model.py": ""})
        assert endpoint.invoke("t/x_v0.tar.gz", b"[1]") == b"t/x_v0.tar.gz with 1: [1]"
        described = runtime.endpoint(endpoint.name)
        assert described["instances"][0]["models"][0]["name"] == "t/x_v0.tar.gz"
        assert launcher.ask_status(runtime.state)["containers"] == "docker"
        (id,) = [id for id, one in daemon.containers.items() if one.specification["Image"] == IMAGE]
        daemon.kill(id)
        # A new container serves it; only requests in flight failed.
        assert endpoint.invoke("t/x_v0.tar.gz", b"[2]") == b"t/x_v0.tar.gz with 1: [2]"
    assert not daemon.containers


def test_docker_is_requested_but_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(MmeError, match="no Docker daemon answers"), a_runtime(containers="docker"):
        pass


def _why_no_real_one() -> str | None:
    """Why no real image can run here; None if one can."""

    async def ask() -> str | None:
        docker = await connect()
        try:
            if not REAL_IMAGE:
                return "MME_TEST_IMAGE names no image of Triton to try under Docker"
            here = await has_image(docker, REAL_IMAGE)
            return None if here else f"the image {REAL_IMAGE} is not on this machine"
        finally:
            await docker.close()

    try:
        return asyncio.run(ask())
    except MmeError as error:
        return str(error).splitlines()[0]


@pytest.mark.triton
def test_a_real_triton_image() -> None:
    """Any image of Triton with SageMaker's `serve` and the python backend: MME_TEST_IMAGE names it."""
    if reason := _why_no_real_one():
        pytest.skip(reason)
    with a_runtime(containers="docker") as runtime:
        endpoint = an_endpoint(runtime, REAL_IMAGE)
        endpoint.publish(
            "double_v0.tar.gz",
            {
                "config.pbtxt": 'backend: "python"\n'
                'input [{ name: "X" data_type: TYPE_FP32 dims: [2] }]\n'
                'output [{ name: "Y" data_type: TYPE_FP32 dims: [2] }]\n',
                "1/model.py": "import triton_python_backend_utils as pb\n"
                "class TritonPythonModel:\n"
                "    def execute(self, requests):\n"
                "        return [pb.InferenceResponse([pb.Tensor('Y', 2 * pb.get_input_tensor_by_name("
                "one, 'X').as_numpy())]) for one in requests]\n",
            },
        )
        request = {"inputs": [{"name": "X", "datatype": "FP32", "shape": [2], "data": [1, 2.5]}]}
        answer = json.loads(endpoint.invoke("double_v0.tar.gz", json.dumps(request).encode()))
        assert answer["outputs"][0]["data"] == [2, 5]
        label = "sagemaker-mme.local.owner"
        listed = ["docker", "ps", "--quiet", "--filter", f"label={label}"]
        assert subprocess.run(listed, capture_output=True, check=True, timeout=30).stdout.strip()
