"""Record what real Triton logs when models are loaded, called, evicted, and fail to load.

`python -m tools.capture_triton_log 0 > tests/operate/triton_logs/quiet.log`, and with `true` for verbose.log:
the tests of the log's patterns read these files.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Final

from mme_local import launcher
from mme_local.run_files import LOGS
from mme_local.settings import LocalSettings
from mme_local.testing.endpoint import ENVIRONMENT, LocalEndpoint
from tests.archives.archive_builder import pack

_CONFIG: Final = """backend: "python"
input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [4] }]
output [{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [4] }]
"""
_ECHO: Final = """
import triton_python_backend_utils as pb_utils
class TritonPythonModel:
    def execute(self, requests):
        answers = []
        for request in requests:
            given = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
            if given.ravel()[0] < 0:
                raise ValueError("negative")
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", given)]))
        return answers
# {}
""".format("x" * 6000)
"""So large that the memory that is set below has room for one of them."""
_TOO_LARGE: Final = """class TritonPythonModel:
    def initialize(self, args):
        raise MemoryError('CUDA out of memory. Tried to allocate 20.00 GiB')
"""

MODELS: Final[dict[str, dict[str, str]]] = {
    "alpha_v0.tar.gz": {"config.pbtxt": _CONFIG, "1/model.py": _ECHO},
    "tenant-a/beta_v1.tar.gz": {"config.pbtxt": _CONFIG, "1/model.py": _ECHO},
    "broken_v0.tar.gz": {"config.pbtxt": _CONFIG, "1/model.py": "import nothing_of_that_name\n"},
    "memory_v0.tar.gz": {"config.pbtxt": _CONFIG, "1/model.py": _TOO_LARGE},
    "config_v0.tar.gz": {"config.pbtxt": 'backend: "nosuch"', "1/model.py": "x = 1"},
}
CALLS: Final[tuple[tuple[str, list[float]], ...]] = (
    ("alpha_v0.tar.gz", [1, 2, 3, 4]),
    ("alpha_v0.tar.gz", [1, 2, 3, 4]),
    ("alpha_v0.tar.gz", [-1, 2, 3, 4]),
    ("alpha_v0.tar.gz", [1, 2, 3]),
    ("tenant-a/beta_v1.tar.gz", [1, 2, 3, 4]),
    ("alpha_v0.tar.gz", [1, 2, 3, 4]),
    ("broken_v0.tar.gz", [1, 2, 3, 4]),
    ("memory_v0.tar.gz", [1, 2, 3, 4]),
    ("config_v0.tar.gz", [1, 2, 3, 4]),
)


def capture(verbose: str) -> str:
    """Run the models above on a separate runtime; return the log of its Triton.

    Args:
        verbose: the value of SAGEMAKER_TRITON_LOG_VERBOSE.
    """
    settings = {"port": 0, "memory_mib": 0.01, "weight_factor": 1}
    state = launcher.start_detached(LocalSettings.model_validate(settings))
    try:
        variables = {**ENVIRONMENT, "SAGEMAKER_TRITON_LOG_VERBOSE": verbose}
        endpoint = LocalEndpoint.create(state.url, variables=variables)
        for name, files in MODELS.items():
            key = f"{endpoint.prefix}{name}"
            endpoint.s3.put_object(Bucket=endpoint.bucket, Key=key, Body=pack(files))
        for model, values in CALLS:
            tensor = {"name": "INPUT0", "datatype": "FP32", "shape": [len(values)], "data": values}
            with contextlib.suppress(endpoint.client.exceptions.ModelError):
                endpoint.invoke(model, json.dumps({"inputs": [tensor]}).encode())
        (log,) = (Path(state.workdir) / LOGS).glob("*.log")
        return log.read_text()
    finally:
        launcher.stop(state.port)


if __name__ == "__main__":
    sys.stdout.write(capture(*sys.argv[1:2] or ["0"]))
