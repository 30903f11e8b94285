"""Archives with a wrong layout: folders, versions, model files, ensembles."""

from __future__ import annotations

from tests.archives.archive_builder import (
    CALLING_CODE,
    CODE,
    CONFIG,
    ENSEMBLE,
    FLAT,
    LFS_POINTER,
    PIPELINE,
    STEP,
    TENSORS,
    flat,
    pack,
    pipeline,
)

SECOND_STEP = """{
  model_name: "second" model_version: -1
  input_map { key: "X" value: "X" } output_map { key: "Y" value: "Z" }
}"""
SECOND = {
    "both/config.pbtxt": ENSEMBLE.replace("} ] }", "}, " + SECOND_STEP + " ] }", 1),
    "second/config.pbtxt": CONFIG,
    "second/1/model.py": CODE,
}

LAYOUTS: dict[str, tuple[bytes, str, str]] = {
    # layout
    "two wrappers": (
        pack({"a/b/" + k: v for k, v in FLAT.items()}),
        "wrapper-directory",
        "2 levels deep, in a/b/",
    ),
    "no config, flat": (pack({"1/model.py": CODE}), "config-missing", "1/ is at the root"),
    "config misnamed": (
        pack({"config.pbtxt.txt": CONFIG, "1/model.py": CODE}),
        "config-misnamed",
        "must be called",
    ),
    "config misnamed in a directory": (
        pack({"m/Config.pbtxt": CONFIG, "m/x/model.py": CODE}),
        "config-misnamed",
        "m/Config.pbtxt must be",
    ),
    "config is a directory": (
        pack({"config.pbtxt/x": "", "1/model.py": CODE}),
        "config-directory",
        "is a directory",
    ),
    "no config in a directory": (pack({"m/1/model.onnx": "x"}), "config-auto", "m/config.pbtxt is missing"),
    "several models": (
        pack({**STEP, "b/config.pbtxt": CONFIG}),
        "several-models",
        "holds 2 models: b, first",
    ),
    "a stray directory": (
        pack({**STEP, "docs/x": ""}),
        "stray-directory",
        "next to the model first/ is docs/",
    ),
    "two ensembles": (
        pack({**PIPELINE, "outer/config.pbtxt": ENSEMBLE, "outer/1": None}),
        "several-ensembles",
        "2 ensembles: both, outer",
    ),
    "ensemble in single quotes": (
        pack(pipeline(**{'"ensemble"': "'ensemble'"})),
        "ensemble-not-recognised",
        "the SageMaker server does not recognise it",
    ),
    "ensemble in a comment": (
        pack({"m/config.pbtxt": '# platform: "ensemble"\n' + CONFIG, "m/1/model.py": CODE}),
        "ensemble-in-text",
        "in a comment or a string",
    ),
    "a model that is never loaded": (
        pack({**PIPELINE, "x/config.pbtxt": CONFIG}),
        "idle-model",
        "never loaded: x/",
    ),
    "nothing known": (pack({"notes.txt": "x"}), "framework-unknown", "reads these files: notes.txt"),
    "two frameworks": (
        pack({"model.pth": "x", "model.joblib": b"\x80\x05N."}),
        "framework-unclear",
        "PyTorch or of scikit",
    ),
    # versions and files
    "no version": (
        pack({"config.pbtxt": CONFIG, "model.py": CODE}),
        "version-missing",
        "next to config.pbtxt",
    ),
    "version is a file": (pack({"config.pbtxt": CONFIG, "1": CODE}), "version-missing", "1 is a file"),
    "version v1": (
        pack({"config.pbtxt": CONFIG, "v1/model.py": CODE}),
        "version-name",
        "v1/ is not a version",
    ),
    "version 001": (
        pack({"config.pbtxt": CONFIG, "001/model.py": CODE}),
        "version-name",
        "001/ is not a version",
    ),
    "version 1.0": (
        pack({"config.pbtxt": CONFIG, "1.0/model.py": CODE}),
        "version-odd",
        "takes 1.0/ for version 1",
    ),
    "a directory 3rdparty": (
        pack({**FLAT, "3rdparty/x": ""}),
        "version-odd",
        "takes 3rdparty/ for version 3",
    ),
    "version of 20 digits": (pack({**FLAT, "9" * 20 + "/x": ""}), "version-overflow", "beyond 64 bits"),
    "version ignored": (pack({**FLAT, "02/model.py": CODE}), "version-ignored", "02/ looks like a version"),
    "policy asks for another": (
        pack(flat(CONFIG + "version_policy { specific { versions: [ 3 ] } }")),
        "version-missing",
        "asks for version 3, but there are only: 1",
    ),
    "policy asks for one more": (
        pack(flat(CONFIG + "version_policy { specific { versions: [ 1, 3 ] } }")),
        "version-absent",
        "asks for version 3",
    ),
    "policy of none": (
        pack(flat(CONFIG + "version_policy { latest {} }")),
        "version-none",
        "selects no version",
    ),
    "version empty": (
        pack({"config.pbtxt": 'backend: "mine"' + TENSORS, "1": None}),
        "version-empty",
        "1/ is empty",
    ),
    "file missing": (
        pack({"config.pbtxt": CONFIG, "1/main.py": CODE}),
        "model-file-missing",
        "1/model.py is missing",
    ),
    "newest without its file": (pack({**FLAT, "2/x": ""}), "model-file-missing", "2/model.py is missing"),
    "file is a directory": (
        pack({"config.pbtxt": CONFIG, "1/model.py/x": CODE}),
        "model-file-kind",
        "1/model.py is a directory",
    ),
    "saved model is a file": (
        pack({"config.pbtxt": 'platform: "tensorflow_savedmodel"' + TENSORS, "1/model.savedmodel": "x"}),
        "model-file-kind",
        "is a file; tensorflow_savedmodel needs a directory",
    ),
    "file is empty": (pack(flat(code="")), "model-file-empty", "1/model.py is an empty file"),
    "file is an LFS pointer": (
        pack({"config.pbtxt": 'backend: "onnxruntime"' + TENSORS, "1/model.onnx": LFS_POINTER}),
        "lfs-pointer",
        "1/model.onnx is a Git LFS pointer",
    ),
    "file outside": (
        pack(flat(CONFIG + 'default_model_filename: "../model.py"')),
        "model-file-outside",
        "leads out of 1/",
    ),
    "Python 2": (pack(flat(code="print 'x'")), "python-syntax", "line 1: Missing parentheses"),
    "no class": (pack(flat(code="class Model: pass")), "python-class", "no class TritonPythonModel"),
    "no execute": (pack(flat(code="class TritonPythonModel: pass")), "python-execute", "no method execute"),
    "calls a computed name": (
        pack(flat(code=CALLING_CODE.replace('"helper"', 'args["model_name"]'))),
        "bls-computed-name",
        "1/model.py, line 9, calls a model whose name it computes",
    ),
    "calls what is missing": (pack(flat(code=CALLING_CODE)), "bls-missing", "model.py calls helper"),
    "calls what is not loaded": (
        pack({**PIPELINE, "first/1/model.py": CALLING_CODE, "helper/config.pbtxt": CONFIG}),
        "bls-not-loaded",
        "the code of first calls helper",
    ),
    "calls a step": (
        pack({**PIPELINE, "first/1/model.py": CALLING_CODE.replace('"helper"', '"second"'), **SECOND}),
        "bls-shared-name",
        "the code of first calls second by its name (first/1/model.py, line 9); while another loaded archive",
    ),
    # ensembles
    "ensemble at the root": (
        pack({"config.pbtxt": ENSEMBLE, "1": None}),
        "ensemble-step-missing",
        "at an archive's",
    ),
    "step missing": (
        pack(pipeline(**{'"first"': '"other"'})),
        "ensemble-step-missing",
        "step 0 of both/config.pbtxt names other",
    ),
    "step under another name": (
        pack({**PIPELINE, "first/config.pbtxt": CONFIG + 'name: "one"'}),
        "ensemble-step-name",
        "as a step it must be 'first'",
    ),
    "step of another version": (
        pack(pipeline(**{"model_version: -1": "model_version: 7"})),
        "ensemble-step-version",
        "asks for version 7 of first; loaded would be: 1",
    ),
    "step of no version": (
        pack(pipeline(**{" model_version: -1": ""})),
        "ensemble-step-version",
        "version 0 of first, as model_version is not set; loaded would be: 1",
    ),
    "step of smaller batches": (
        pack(pipeline(ENSEMBLE + "max_batch_size: 8")),
        "ensemble-batch",
        "step 0 of both/config.pbtxt takes batches of 0, and the ensemble of 8",
    ),
    "optional only outside": (
        pack(pipeline(ENSEMBLE.replace("dims: [ 3 ]", "dims: [ 3 ] optional: true", 1))),
        "ensemble-optional",
        "gives the required input X an optional input of the ensemble",
    ),
    "a blank in a step's name": (
        pack({**pipeline(**{'"first"': '"a b"'}), "a b/config.pbtxt": CONFIG, "a b/1/model.py": CODE}),
        "shell-character",
        "the name a b/ holds ' '",
    ),
    "step of itself": (pack(pipeline(**{'"first"': '"both"'})), "ensemble-loop", "is the ensemble itself"),
    "unknown tensor of a step": (
        pack(pipeline(**{'key: "X"': 'key: "Q"'})),
        "ensemble-map",
        "maps the input Q, and first has: X",
    ),
    "output that is never written": (
        pack(pipeline(ENSEMBLE + 'output { name: "Z" data_type: TYPE_FP32 dims: 3 }')),
        "ensemble-graph",
        "writes the output Z",
    ),
    "tensor of another type": (
        pack(pipeline(**{"TYPE_FP32": "TYPE_INT64"})),
        "ensemble-tensor",
        "INT64 in both/config.pbtxt and FP32 in first",
    ),
    "tensor of another shape": (pack(pipeline(**{"[ 3 ]": "[ 4 ]"})), "ensemble-tensor", "[4] in both"),
    "ensemble with a backend": (
        pack(pipeline(ENSEMBLE + 'backend: "python"')),
        "ensemble-config",
        "names the backend",
    ),
    "ensemble without steps": (
        pack(pipeline('platform: "ensemble"' + TENSORS)),
        "ensemble-config",
        "an ensemble without steps",
    ),
}
