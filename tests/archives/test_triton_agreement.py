"""explain's verdict against NVIDIA's real server: each archive is unpacked, loaded and called."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.agreement import verdicts
from benchmarks.generated_models import generated
from mme.archives.explain import explain
from mme.archives.unpacking import unpack
from mme.catalog.images import Processor
from mme_local.containers.container import ContainerDiedError, ContainerTimeoutError
from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.process import TritonProcess
from mme_local.containers.triton.wheel import why_not_here
from tests.archives.archive_builder import (
    CODE,
    COMPLETING_CODE,
    CONFIG,
    ENSEMBLE,
    FLAT,
    PIPELINE,
    TENSORS,
    Files,
    flat,
    pack,
    pipeline,
    tar,
)

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.triton,
    pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}"),
]

REQUEST = json.dumps(
    {"inputs": [{"name": "X", "datatype": "FP32", "shape": [3], "data": [1, 2, 3]}]}
).encode()
ENVIRONMENT = 'parameters { key: "EXECUTION_ENV_PATH" value { string_value: "%s" } }'
NO_INPUTS = b'{"inputs":[]}'
GET_X = 'pb_utils.get_input_tensor_by_name(request, "X").as_numpy()'
CODE_WITHOUT_INPUTS = "import numpy\n" + CODE.replace(GET_X, "numpy.ones(3, numpy.float32)")
WITHOUT_INPUTS = ("no inputs", "sub-directory, no config, nothing completes it")
CONTROL = 'control_input { name: "%s" control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } }'
LOAD_SECONDS = 60
GENERATED, SEED = 60, 20261130
WRONG = ("false yes", "false no")
HANGS_AFTER_SECONDS = 6

LAYOUTS: Mapping[str, Files] = {
    "flat": FLAT,
    "flat under another name": flat(CONFIG + 'name: "other"'),
    "sub-directory": {f"m/{path}": content for path, content in FLAT.items()},
    "sub-directory under another name": {"m/config.pbtxt": CONFIG + 'name: "other"', "m/1/model.py": CODE},
    "sub-directory next to a file": {"README.md": "x", "m/config.pbtxt": CONFIG, "m/1/model.py": CODE},
    "sub-directory, no config": {"m/1/model.py": COMPLETING_CODE},
    "sub-directory, no config, nothing completes it": {"m/1/model.py": CODE_WITHOUT_INPUTS},
    "two directories deep": {f"a/b/{path}": content for path, content in FLAT.items()},
    "flat without config": {"1/model.py": COMPLETING_CODE},
    "empty config, completed": flat("", COMPLETING_CODE),
    "no backend": flat(TENSORS),
    "no inputs": flat(
        'backend: "python" output { name: "Y" data_type: TYPE_FP32 dims: 3 }', CODE_WITHOUT_INPUTS
    ),
    "other directories": {**FLAT, "docs/readme": "x", "warmup/x": "y"},
    "version 0": {"config.pbtxt": CONFIG, "0/model.py": CODE},
    "version 01": {"config.pbtxt": CONFIG, "01/model.py": CODE},
    "version v1": {"config.pbtxt": CONFIG, "v1/model.py": CODE},
    "no version": {"config.pbtxt": CONFIG, "model.py": CODE},
    "version is a file": {"config.pbtxt": CONFIG, "1": CODE},
    "policy without what it asks for": flat(CONFIG + "version_policy { specific { versions: [ 3 ] } }"),
    "policy with some of it": flat(CONFIG + "version_policy { specific { versions: [ 1, 3 ] } }"),
    "policy of none": flat(CONFIG + "version_policy { latest {} }"),
    "older version served": {
        **flat(CONFIG + "version_policy { specific { versions: [ 1 ] } }"),
        "2/nothing": "x",
    },
    "own file name": {"config.pbtxt": CONFIG + 'default_model_filename: "net.py"', "1/net.py": CODE},
    "file name that leads out": {
        "config.pbtxt": CONFIG + 'default_model_filename: "../net.py"',
        "1/x": "",
        "net.py": CODE,
    },
    "empty code": flat(code=""),
    "code with a fault": flat(code="def ("),
    "code without the class": flat(code="class Model: ..."),
    "code without execute": flat(code="class TritonPythonModel: ..."),
    "GPU group": flat(CONFIG + "instance_group { kind: KIND_GPU }"),
    "CPU group with gpus": flat(CONFIG + "instance_group { kind: KIND_CPU gpus: [ 0 ] }"),
    "decoupled": flat(CONFIG + "model_transaction_policy { decoupled: true }"),
    "dim 0": flat(CONFIG.replace("[ 3 ]", "[ 0 ]")),
    "no dims": flat(CONFIG.replace("dims: [ 3 ]", "")),
    "no data_type": flat(CONFIG.replace("data_type: TYPE_FP32", "")),
    "reshape": flat(CONFIG.replace("[ 3 ]", "[ 3 ] reshape { shape: [ 4 ] }", 1)),
    "input twice": flat(CONFIG + TENSORS),
    "image format": flat(CONFIG.replace('"X"', '"X" format: FORMAT_NHWC')),
    "batches too large": flat(CONFIG + "dynamic_batching { preferred_batch_size: [ 8 ] }"),
    "platform for backend": flat('platform: "python"' + TENSORS),
    "platform of another backend": flat('platform: "tensorrt_plan" backend: "onnxruntime"' + TENSORS),
    "BOM": flat("\ufeff" + CONFIG),
    "Latin-1 in a comment": flat(b"# \xe4\n" + CONFIG.encode()),
    "unknown field": flat(CONFIG + "bakend: 'x'"),
    "labels missing": flat(CONFIG.replace('"Y"', '"Y" label_filename: "labels.txt"')),
    "environment missing": flat(CONFIG + ENVIRONMENT % "$$TRITON_MODEL_DIRECTORY/env.tar.gz"),
    "environment through dots": {
        **flat(CONFIG + ENVIRONMENT % "$$TRITON_MODEL_DIRECTORY/1/..//env"),
        "env/bin/activate": "export MARK=1\n",
    },
    "environment in a tar.gz": {
        **flat(CONFIG + ENVIRONMENT % "$$TRITON_MODEL_DIRECTORY/env.tar.gz"),
        "env.tar.gz": pack({"bin/activate": "export MARK=1\n"}),
    },
    "environment in a plain tar": {
        **flat(CONFIG + ENVIRONMENT % "$$TRITON_MODEL_DIRECTORY/env.tar.gz"),
        "env.tar.gz": tar({"bin/activate": "export MARK=1\n"}),
    },
    "two controls of one kind": flat(
        CONFIG + f"max_batch_size: 4 sequence_batching {{ {CONTROL % 'A'} {CONTROL % 'B'} }}"
    ),
    "environment out of the archive": flat(CONFIG + ENVIRONMENT % "$$TRITON_MODEL_DIRECTORY/../env"),
    "environment without activate": flat(
        CONFIG + ENVIRONMENT % "$$TRITON_MODEL_DIRECTORY/env", env__lib__x="x"
    ),
    "step without a version": pipeline(**{" model_version: -1": ""}),
    "step version -2": pipeline(**{"model_version: -1": "model_version: -2"}),
    "step of version 0": {
        **{k: v for k, v in pipeline(**{" model_version: -1": ""}).items() if k != "first/1/model.py"},
        "first/0/model.py": CODE,
    },
    "step of smaller batches": pipeline(ENSEMBLE + "max_batch_size: 8"),
    "ordered and delayed": flat(
        CONFIG + "dynamic_batching { preserve_ordering: true default_queue_policy { "
        "default_timeout_microseconds: 9 timeout_action: DELAY } }"
    ),
    "unknown priority": flat(
        CONFIG + "dynamic_batching { priority_levels: 2 default_priority_level: 1 "
        "priority_queue_policy { key: 3 value { } } }"
    ),
    "batch input of two": flat(
        CONFIG + 'batch_input { target_name: "Q" data_type: TYPE_FP32 source_input: "X" source_input: "X" }'
    ),
    "stub without its executable bit": flat(triton_python_backend_stub="x"),
    "environment of the server's folder": flat(CONFIG + ENVIRONMENT % "env.tar.gz"),
    "ensemble": PIPELINE,
    "ensemble without a version directory": {k: v for k, v in PIPELINE.items() if k != "both/1"},
    "ensemble at the root": {"config.pbtxt": ENSEMBLE, "1": None},
    "ensemble at the root with its step": {**FLAT, **PIPELINE, "config.pbtxt": ENSEMBLE},
    "step missing": pipeline(**{'"first"': '"other"'}),
    "step under another name": {**PIPELINE, "first/config.pbtxt": CONFIG + 'name: "one"'},
    "step without config": {
        **{k: v for k, v in PIPELINE.items() if k[:5] != "first"},
        "first/1/model.py": COMPLETING_CODE,
    },
    "step decoupled": {
        **PIPELINE,
        "first/config.pbtxt": CONFIG + "model_transaction_policy { decoupled: true }",
    },
    "step of another version": pipeline(**{"model_version: -1": "model_version: 7"}),
    "unknown tensor of a step": pipeline(**{'key: "X"': 'key: "Q"'}),
    "tensor of another type": pipeline(**{"TYPE_FP32": "TYPE_INT64"}),
    "tensor of another shape": pipeline(**{"[ 3 ]": "[ 4 ]"}),
    "output that is never written": pipeline(ENSEMBLE + 'output { name: "Z" data_type: TYPE_FP32 dims: 3 }'),
    "ensemble with a backend": pipeline(ENSEMBLE + 'backend: "python"'),
}
"""Triton answers for each of these, one way or the other."""

FATAL: Mapping[str, Files] = {
    "environment that is no archive": {
        **flat(CONFIG + ENVIRONMENT % "$$TRITON_MODEL_DIRECTORY/env.tar.gz"),
        "env.tar.gz": "not a tar",
    },
    "environment archive without activate": {
        **flat(CONFIG + ENVIRONMENT % "$$TRITON_MODEL_DIRECTORY/env.tar.gz"),
        "env.tar.gz": pack({"myenv/bin/activate": "export MARK=1\n"}),
    },
    "model file missing": {"config.pbtxt": CONFIG, "1/main.py": CODE},
    "version 1.0": {"config.pbtxt": CONFIG, "1.0/model.py": CODE},
    "a directory 3rdparty": {**FLAT, "3rdparty/x": ""},
    "version of 20 digits": {**FLAT, "9" * 20 + "/x": ""},
    "config is a directory": {"config.pbtxt/x": "", "1/model.py": CODE},
}
"""Triton hangs, dies or fails for later models over these: each needs a server of its own."""


@dataclass(frozen=True)
class Outcome:
    """What Triton did: the status of the load and of one request, and its message."""

    load: int
    invoke: int
    words: str

    @property
    def served(self) -> bool:
        return self.load == 200 and self.invoke == 200


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> TritonInstallation:
    return TritonInstallation.create(
        tmp_path_factory.mktemp("triton") / "private", tmp_path_factory.getbasetemp()
    )


async def load_and_call(
    triton: TritonProcess, folder: Path, handle: str, files: Files, seconds: float
) -> Outcome:
    path = folder / "models" / handle / "model"
    unpack([pack(files)], path, max_bytes=10**6)
    target = f"{handle}_v0.tar.gz"
    request = NO_INPUTS if files in [LAYOUTS[name] for name in WITHOUT_INPUTS] else REQUEST
    try:
        loaded = await triton.load(handle, target, path, seconds)
        if not loaded.ok:
            return Outcome(loaded.status, 0, loaded.text)
        called = await triton.invoke(handle, target, request, {}, seconds)
        return Outcome(loaded.status, called.status, called.text)
    except (ContainerTimeoutError, ContainerDiedError) as error:
        return Outcome(0, 0, str(error))


@pytest.fixture(scope="module")
def outcomes(
    installation: TritonInstallation, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("agreement")

    async def story() -> dict[str, Outcome]:
        triton = TritonProcess(
            installation, folder / "instance", {"SAGEMAKER_TRITON_LOG_VERBOSE": "0"}, start_seconds=120
        )
        await triton.start()
        try:
            return {
                name: await load_and_call(triton, folder, f"m{number}", files, LOAD_SECONDS)
                for number, (name, files) in enumerate(LAYOUTS.items())
            }
        finally:
            await triton.stop()

    return asyncio.run(story())


@pytest.mark.parametrize("name", LAYOUTS)
def test_triton_agrees(name: str, outcomes: dict[str, Outcome]) -> None:
    found = explain(io.BytesIO(pack(LAYOUTS[name])), processor=Processor.CPU)
    assert found.servable is outcomes[name].served, (found.codes, outcomes[name])


def test_triton_agrees_on_generated_models(tmp_path: Path) -> None:
    """Random ones: `python -m benchmarks.agreement` asks about many more."""
    found = verdicts(list(generated(GENERATED, SEED)), tmp_path / "run")
    wrong = [(each.kind, each.codes, each.reason, each.model.config) for each in found if each.kind in WRONG]
    assert len(found) == GENERATED
    assert not wrong


@pytest.mark.parametrize("name", FATAL)
def test_what_triton_does_not_survive_is_an_error(
    name: str, installation: TritonInstallation, tmp_path: Path
) -> None:
    async def story() -> Outcome:
        triton = TritonProcess(
            installation, tmp_path / "instance", {"SAGEMAKER_TRITON_LOG_VERBOSE": "0"}, start_seconds=120
        )
        await triton.start()
        try:
            return await load_and_call(triton, tmp_path, "m", FATAL[name], HANGS_AFTER_SECONDS)
        finally:
            await triton.stop()

    found = explain(io.BytesIO(pack(FATAL[name])))
    assert not found.servable
    assert not asyncio.run(story()).served


def test_which_of_several_directories_loads_is_undefined(
    installation: TritonInstallation, tmp_path: Path
) -> None:
    """Triton loads one of two models, whichever the file system lists last: nothing to rely on."""
    two = {f"{name}/{path}": content for name in ("a", "b") for path, content in FLAT.items()}
    found = explain(io.BytesIO(pack(two)))
    assert (found.layout, found.codes) == ("ambiguous", ("several-models",))

    async def story() -> str:
        triton = TritonProcess(
            installation, tmp_path / "instance", {"SAGEMAKER_TRITON_LOG_VERBOSE": "0"}, start_seconds=120
        )
        await triton.start()
        try:
            await load_and_call(
                triton, tmp_path, "m", {**two, "a/1/model.py": CODE.replace("* 2", "* 3")}, 60
            )
            reply = await triton.invoke("m", "m_v0.tar.gz", REQUEST, {}, 60)
            return reply.text
        finally:
            await triton.stop()

    assert json.loads(asyncio.run(story()))["outputs"][0]["data"] in ([2, 4, 6], [3, 6, 9])
