"""Every code that a finding can have: how bad it is, what causes it, how it is mended.

The table in docs/archives.md is made from this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mme.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class FindingCode:
    """What all findings of one code have in common.

    Attributes:
        severity: Of each of them.
        cause: What is wrong, in one sentence.
        hint: How to fix it.
    """

    severity: Severity
    cause: str
    hint: str


def _error(cause: str, hint: str) -> FindingCode:
    return FindingCode(Severity.ERROR, cause, hint)


def _warning(cause: str, hint: str) -> FindingCode:
    return FindingCode(Severity.WARNING, cause, hint)


def _note(cause: str, hint: str) -> FindingCode:
    return FindingCode(Severity.NOTE, cause, hint)


FILE_CODES: Final = {
    "empty-file": _error("The archive has no bytes.", "Pack and upload it again."),
    "not-gzip": _error("The file is no gzip file.", "Pack it with `tar -czf`."),
    "not-compressed": _error("It is a plain tar.", "`gzip model.tar`."),
    "other-compression": _error("Zip, bzip2, xz, zstd or another format.", "Only gzipped tars are read."),
    "lfs-pointer": _error(
        "A Git LFS pointer of 130 bytes lies where the weights should be.", "`git lfs pull`, then pack again."
    ),
    "not-a-tar": _error("It is gzip, but what is inside is no tar.", "Pack the directory, not the one file."),
    "truncated": _error("The gzip data ends in the middle.", "Copy or upload it again."),
    "gzip-damaged": _error("The gzip data or its checksum is wrong.", "Copy it in binary mode."),
    "tar-truncated": _error("The tar inside ends in the middle.", "Pack it again."),
    "tar-damaged": _error("A header of the tar makes no sense.", "Pack it again."),
    "header-too-large": _error("An extended header claims an absurd size.", "Pack it again."),
    "pax-damaged": _error("A pax header is malformed.", "Pack it again."),
    "bomb": _error("It unpacks to hundreds of times its size.", "Pack the model from its source."),
    "too-large": _error("It unpacks to more than reading allows.", "Publish the model's files only."),
    "too-many-members": _error("It holds more files than reading allows.", "Publish the model's files only."),
    "empty-archive": _error("The tar holds no file.", "Pack the model's directory itself."),
    "empty-directory": _error(
        "The directory holds no file.", "It needs config.pbtxt and a version directory."
    ),
    "trailing-data": _warning("Bytes follow the gzip data.", "Pack again: unpackers ignore or refuse them."),
    "data-after-end": _warning(
        "Bytes follow the tar's end mark, as of a second tar appended.",
        "They are never unpacked: pack again.",
    ),
    "tar-not-ended": _note(
        "The tar has no end mark.", "Unpackers accept it; pack again to be sure it is whole."
    ),
    "huge": _warning(
        "It is larger than the memory of the GPU, or of the instance.",
        "Choose a larger type or a smaller model.",
    ),
}

MEMBER_CODES: Final = {
    "absolute-path": _error(
        "A member's name starts with a slash.", "Pack with relative names: `tar -C DIR .`"
    ),
    "path-escapes": _error("A member's name holds `..`.", "Pack from the model's directory."),
    "nameless-file": _error("A file has no name.", "Pack it again."),
    "empty-name": _warning(
        "A directory has an empty name: `tar.add(path, arcname=basename(path))` with a trailing slash.",
        "`arcname='.'`, or `mme models add`.",
    ),
    "backslash-path": _warning(
        "A name holds a backslash: packed on Windows.", "Pack with `/` between parts."
    ),
    "control-character": _warning("A name holds a line break or another control character.", "Rename it."),
    "name-encoding": _error("A name is not UTF-8.", "Rename it."),
    "name-too-long": _error("A name has over 255 bytes, or a path over 4096.", "Rename it."),
    "path-conflict": _error("A name is a file and a directory at once.", "Pack it again."),
    "duplicate-member": _warning("A file is in the archive twice; the last one wins.", "Pack it again."),
    "symlink": _error("A symbolic link.", "Put a copy of the file in its place: `tar -h`."),
    "hardlink": _error("A hard link to another member.", "`tar --hard-dereference`."),
    "special-file": _error("A device, a named pipe or a socket.", "Remove it."),
    "sparse-file": _note("A sparse file in GNU's form.", "Not every unpacker knows it: pack without `-S`."),
    "unreadable": _error("A file or directory can't be read.", "`chmod u+r`."),
    "junk": _note(
        "Files that tools leave behind: `._*`, `__MACOSX`, caches.", "`mme models add` drops them."
    ),
    "pax-leftovers": _warning(
        "Directories named PaxHeader(s): a tar unpacked and packed again.", "Remove them."
    ),
}

LAYOUT_CODES: Final = {
    "framework-unknown": _error("Nothing tells what container could read it.", "Say it: `--framework`."),
    "framework-unclear": _warning("It looks like models of two frameworks.", "Say which: `--framework`."),
    "framework-mismatch": _error(
        "It is an archive for another container.", "Repack it, or use that container."
    ),
    "wrapper-directory": _error(
        "config.pbtxt lies too deep.", "At most one directory may be around a model."
    ),
    "several-models": _error(
        "Several directories and no ensemble: Triton takes the one that the file system lists last.",
        "One archive for each model, or an ensemble over them.",
    ),
    "stray-directory": _error(
        "A directory lies beside the model's: Triton may take it for the model.",
        "Remove it, or pack flat: config.pbtxt at the root.",
    ),
    "several-ensembles": _error(
        "Two ensembles: which one answers depends on the file system.", "One archive for each of them."
    ),
    "ensemble-not-recognised": _error(
        'The SageMaker server knows an ensemble by the text `platform: "ensemble"`, in double quotes.',
        "Write it exactly so.",
    ),
    "ensemble-in-text": _warning(
        "The text of an ensemble's platform stands in a comment or a parameter.", "Remove it."
    ),
    "idle-model": _note("A directory of the archive is never loaded.", "Leave it out."),
    "config-missing": _error("No config.pbtxt, and the version directories lie at the root.", "Write one."),
    "config-misnamed": _error(
        "The config has a name that Triton does not look for.", "Call it config.pbtxt."
    ),
    "config-directory": _error("config.pbtxt is a directory: Triton dies of it.", "Make it a file."),
    "config-auto": _warning(
        "No config.pbtxt: Triton makes one from the model, if it may and the backend can.",
        "Write one: loads get faster with `--disable-auto-complete-config`, which needs it.",
    ),
}

CONFIG_CODES: Final = {
    "config-encoding": _error("config.pbtxt is not UTF-8 text.", "Save it as UTF-8; it is no binary file."),
    "config-syntax": _error(
        "config.pbtxt does not fit Triton's schema.", "The message names line and column."
    ),
    "config-tensor-name": _error("A tensor has no name.", "Give it one."),
    "config-tensor-twice": _error("Two inputs have one name.", "Rename one."),
    "config-tensor-type": _error("A tensor has no data_type.", "Add it, e.g. TYPE_FP32."),
    "config-tensor-dims": _error("A tensor has no dims, or one below 1 that is not -1.", "Write its dims."),
    "config-tensor-format": _error(
        "FORMAT_NHWC and FORMAT_NCHW need 3 dims.", "Write three, without the batch."
    ),
    "config-reshape": _error("reshape has another number of elements than dims.", "Make them equal."),
    "config-batch-size": _error("max_batch_size is negative.", "0 means no batch dimension."),
    "config-batching": _error("dynamic_batching contradicts max_batch_size or itself.", "See the message."),
    "config-batch-tensor": _error(
        "batch_input or batch_output names no tensor of the model.", "Mend the name."
    ),
    "config-no-inputs": _error(
        "The config has no inputs and nothing completes it.", "Declare inputs and outputs."
    ),
    "config-incomplete": _warning(
        "Tensors are left to Triton, which must read the model first: slower loads.", "Declare them."
    ),
    "config-name": _note(
        "`name` differs from the directory's; the TargetModel's name counts.", "Leave `name` out."
    ),
    "platform-unknown": _error("The platform is none that Triton knows.", "Name a backend instead."),
    "platform-mismatch": _error("platform and backend do not belong together.", "Remove one of them."),
    "backend-missing": _error("Neither platform nor backend, and no file tells.", "Add `backend`."),
    "backend-unknown": _warning(
        "The backend is none of AWS's image.", "Ship its library in the archive or image."
    ),
    "tensorflow-aging": _warning(
        "Triton's TensorFlow backend ends with 25.03.", "Use an older image, or ONNX."
    ),
    "tensorflow-removed": _error("This image has no TensorFlow backend.", "Use an older image, or ONNX."),
    "instance-gpu": _error(
        "An instance group asks for a GPU and the endpoint has none.", "KIND_CPU or KIND_AUTO."
    ),
    "gpu-only": _warning("An instance group, or the backend, needs a GPU.", "Serve it on a GPU endpoint."),
    "instance-group": _error("gpus or profile stand where the kind forbids them.", "Remove them."),
    "gpu-id": _error("An instance group names GPU 1 or higher; there is GPU 0 alone.", "Remove `gpus`."),
    "decoupled": _error(
        "Decoupled models: SageMaker's port refuses every request.", "Answer once a request."
    ),
    "sequence": _warning(
        "Sequence batching: requests may reach another instance.", "Keep state in the request."
    ),
    "response-cache": _error("response_cache with decoupled or sequence batching.", "Remove response_cache."),
    "repository-agent": _warning(
        "A repository agent must be in the image.", "Remove model_repository_agents."
    ),
    "label-missing": _error("A label_filename is not in the archive.", "Add it beside config.pbtxt."),
    "warmup-missing": _error("A warm-up's input_data_file is not in the archive.", "Put it in warmup/."),
    "environment-missing": _error("EXECUTION_ENV_PATH is not in the archive.", "Add it, or mend the path."),
    "environment-outside": _warning(
        "EXECUTION_ENV_PATH lies outside the archive.", "The image must hold it."
    ),
}

VERSION_CODES: Final = {
    "version-missing": _error("No version directory that Triton would load.", "Put the files in `1/`."),
    "version-name": _error("The only version directory has a name Triton ignores.", "Whole numbers: `1`."),
    "version-ignored": _warning("A directory looks like a version but is ignored.", "Rename it."),
    "version-odd": _error(
        "Triton reads the number at the start of a name and then misses `1/`.", "Rename it."
    ),
    "version-overflow": _error("A version beyond 64 bits: Triton dies of it.", "Rename it."),
    "version-empty": _error("A version directory is empty.", "Put the model's file in it."),
    "version-absent": _warning(
        "version_policy asks for a version that is not there.", "Add it, or ask for less."
    ),
    "version-none": _error("version_policy selects no version.", "`latest { num_versions: 1 }`."),
    "model-file-missing": _error(
        "The file that the backend loads is missing.", "The message names its place."
    ),
    "model-file-kind": _error("It must be a file and is a directory, or the reverse.", "See the message."),
    "model-file-empty": _error("The model's file has no bytes.", "Save the model again."),
    "model-file-outside": _error("default_model_filename leads out of its version directory.", "Mend it."),
    "python-syntax": _error("model.py is no valid Python.", "The message names the line."),
    "python-class": _error("model.py has no class TritonPythonModel.", "Add it."),
    "python-execute": _error("TritonPythonModel has no execute method: requests fail.", "Add it."),
    "bls-missing": _warning(
        "model.py calls a model that is not in the archive.", "Add it as an ensemble's step."
    ),
    "bls-not-loaded": _warning(
        "model.py calls a model of the archive that nothing loads.",
        "Make it an ensemble's step, or call pb_utils.load_model first.",
    ),
}

ENSEMBLE_CODES: Final = {
    "ensemble-config": _error(
        "An ensemble's config lacks steps or holds what it may not.", "See the message."
    ),
    "ensemble-step-missing": _error("A step names a model that is not in the archive.", "Add its directory."),
    "ensemble-step-name": _error("A step's `name` differs from its directory.", "Leave `name` out."),
    "ensemble-step-version": _error("A step asks for a version that is not loaded.", "model_version: -1."),
    "ensemble-map": _error("A step maps a tensor that its model does not have.", "Mend the key of the map."),
    "ensemble-graph": _error("A tensor is never written, never read, or written twice.", "See the message."),
    "ensemble-tensor": _error("A tensor's type or shape differs between two steps.", "Make them agree."),
    "ensemble-loop": _error("An ensemble is a step of itself.", "Remove the step."),
}

FRAMEWORK_CODES: Final = {
    "saved-model-missing": _error("No saved_model.pb in a version directory.", "`1/saved_model.pb`."),
    "saved-model-root": _error("saved_model.pb lies at the root.", "Move it and variables/ to `1/`."),
    "variables-missing": _warning("A version has no variables/.", "Right for constants only: save it again."),
    "keras-file": _error("A Keras file (.h5, .keras) is no SavedModel.", "`model.export('1')`."),
    "weights-missing": _error("No file of weights where the container looks.", "See the message."),
    "weights-deep": _error("The weights lie in a sub-directory.", "Move them to the root."),
    "several-weights": _warning("Several files of weights at the root.", "Leave the one to serve."),
    "code-missing": _warning("No code/inference.py: the container's default handler must do.", "Add it."),
    "code-misplaced": _warning("inference.py lies at the root.", "Move it to code/."),
    "code-syntax": _error("inference.py is no valid Python.", "The message names the line."),
    "handler-missing": _error("inference.py has no model_fn.", "Define model_fn(model_dir)."),
    "requirements-misplaced": _warning("requirements.txt lies at the root.", "Move it to code/."),
    "mxnet-incomplete": _error("Symbol, shapes or params is missing.", "All three at the root."),
}

CODES: Final = {
    **FILE_CODES,
    **MEMBER_CODES,
    **LAYOUT_CODES,
    **CONFIG_CODES,
    **VERSION_CODES,
    **ENSEMBLE_CODES,
    **FRAMEWORK_CODES,
}
"""All of them, by code."""


def found(code: str, message: str, hint: str) -> Finding:
    """Return a finding with the severity of its code."""
    return Finding(CODES[code].severity, code, message, hint)
