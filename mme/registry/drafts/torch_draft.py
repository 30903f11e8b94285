"""A model directory for Triton from a TorchScript file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mme.archives.model_files.torch_script import TorchScript, read_torch_script
from mme.archives.signature import TensorSpec
from mme.errors import MmeError
from mme.registry.drafts.draft import Content, Draft, DraftOptions
from mme.registry.drafts.file_reading import read_start, readable
from mme.registry.drafts.triton_config import DEFAULT_MAX_BATCH_SIZE, REQUEST_FILE, TritonModel

_INPUT_TYPES: Final = ("Tensor", "List[str]", "Optional[Tensor]")


def torch_draft(path: Path, options: DraftOptions) -> Draft:
    """Return the model directory of a TorchScript file.

    Args:
        path: The file.
        options: Its inputs and outputs: TorchScript states their number, not their types and shapes.

    Raises:
        MmeError: It is not TorchScript, or a tensor is missing.
    """
    read_start(path)  # refuses a Git LFS pointer
    with readable(path), path.open("rb") as file:
        script = read_torch_script(file, str(path))
    for name, kind in script.arguments:
        if kind not in _INPUT_TYPES:
            raise MmeError(
                f"forward of {path} takes {name}: {kind}; Triton passes tensors",
                hint="wrap the module in one whose forward takes tensors only",
            )
    _check_number(path, script, options)
    inputs = tuple(
        TensorSpec(_input_name(script, number, spec.name), spec.datatype, spec.dims)
        for number, spec in enumerate(options.inputs)
    )
    outputs = tuple(
        TensorSpec(_numbered(spec.name, "OUTPUT", number), spec.datatype, spec.dims)
        for number, spec in enumerate(options.outputs)
    )
    triton = TritonModel(
        backend=('platform: "pytorch_libtorch"', 'backend: "pytorch"', 'default_model_filename: "model.pt"'),
        inputs=inputs,
        outputs=outputs,
        max_batch_size=DEFAULT_MAX_BATCH_SIZE if options.max_batch_size is None else options.max_batch_size,
        gpu=bool(options.gpu),
        comment=(f"Written from {path.name}, whose forward is {script.text}.",),
    )
    files: dict[str, Content] = {
        "config.pbtxt": triton.config(),
        "1/model.pt": path,
        REQUEST_FILE: triton.request(),
        ".mmeignore": f"{REQUEST_FILE}\n".encode(),
    }
    return Draft(files, facts=(f"TorchScript, {script.text}", *triton.lines()), request=REQUEST_FILE)


def _check_number(path: Path, script: TorchScript, options: DraftOptions) -> None:
    wanted = sum(not kind.startswith("Optional") for _, kind in script.arguments)
    at_most = len(script.arguments)
    inputs_fit = wanted <= len(options.inputs) <= at_most and options.inputs
    outputs_fit = options.outputs and (
        len(options.outputs) <= len(script.returns) or script.returns[0][:4] in ("List", "Dict")
    )
    if inputs_fit and outputs_fit:
        return
    missing = [f"--input {name}:FP32:DIMS" for name, _ in script.arguments]
    missing += [f"--output OUTPUT__{number}:FP32:DIMS" for number in range(len(script.returns))]
    given = f"{len(options.inputs)} inputs and {len(options.outputs)} outputs were given"
    raise MmeError(
        f"TorchScript states no types and shapes of tensors; {path} has {script.text}, and {given}",
        hint=f"add {' '.join(missing)}, with dims without the batch, such as 3,224,224",
    )


def _input_name(script: TorchScript, number: int, name: str) -> str:
    """Return a name that Triton maps to forward's argument: the argument's own, or NAME__INDEX."""
    names = [argument for argument, _ in script.arguments]
    return name if name in names else _numbered(name, "INPUT", number)


def _numbered(name: str, default: str, number: int) -> str:
    head, separator, index = name.rpartition("__")
    return name if separator and head and index == str(number) else f"{name or default}__{number}"
