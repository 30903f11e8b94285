"""`mme models try`: load a model once in a private local container, and call it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

import typer

from mme.cli.lazy import DISTRIBUTION
from mme.cli.options import Json
from mme.errors import MmeError, missing_package

if TYPE_CHECKING:
    from mme.archives.explanation import Explanation
    from mme.archives.signature import TensorSignature
    from mme.client.literals import NamedTensor

TRIAL_GROUP: Final = "mme.trials"
"""An entry point of this group is what loads the model; see `OpenTrial`."""

_REQUIREMENT: Final = f"{DISTRIBUTION}[local]"
_CHUNK_BYTES: Final = 1024 * 1024


class Reply(Protocol):
    """An answer of the container."""

    status: int
    ok: bool
    body: bytes
    content_type: str
    text: str


class Trial(Protocol):
    """A model in a container of its own."""

    load: Reply
    load_seconds: float
    memory_bytes: int | None

    def invoke(self, body: bytes, content_type: str) -> tuple[Reply, float]:
        """Call the model; return its answer and the seconds it took.

        Args:
            body: The request.
            content_type: Its type.
        """

    def reference(self, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what the model's own runtime answers, or None."""


class OpenTrial(Protocol):
    """Loads a model: takes its archive, its name and its framework's image repository."""

    def __call__(self, archive: Iterator[bytes], name: str, repository: str) -> AbstractContextManager[Trial]:
        """Return the context in which the model is loaded.

        Args:
            archive: The bytes of its tar.gz.
            name: The TargetModel that it gets.
            repository: Name of its framework's image repository.
        """


@dataclass(frozen=True, slots=True)
class _Result:
    """What a trial showed."""

    load_seconds: float
    memory_bytes: int | None
    call_seconds: float | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    zeros: tuple[str, ...] = ()
    outputs: dict[str, Any] = field(default_factory=dict)
    difference: float | None = None
    reply: Reply | None = None


def try_model(
    path: Annotated[
        str,
        typer.Argument(help="A model's directory, or an archive.", metavar="PATH", path_type=str),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input", "-i", help="NAME=VALUES, as of mme invoke. Default: zeros.", metavar="NAME=VALUES"
        ),
    ] = None,
    json_input: Annotated[
        Path | None, typer.Option("--json-input", help="Inputs from a file, or -.", metavar="FILE")
    ] = None,
    body: Annotated[
        Path | None, typer.Option("--body", help="Send this file (or -) as it is.", metavar="FILE")
    ] = None,
    content_type: Annotated[
        str | None,
        typer.Option(
            "--content-type", help="Type of the body, if the file extension does not tell.", metavar="TYPE"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Load a model once in a private local container, call it, and print its answer, times and memory.

    Nothing is published. An ONNX model's answer is compared with onnxruntime's own.

    Example: mme models try model_registry/add_sub --input INPUT0=1,2,3,4

    Example: mme models try churn --body churn/request.csv
    """
    from mme.archives.explain import explain
    from mme.cli.invoke import refuse
    from mme.client.files import read_body
    from mme.console import print_json, print_note, waiting

    tensors = {"--input": inputs, "--json-input": json_input}
    sent: tuple[bytes, str] | None = None
    if body is None:
        refuse({"--content-type": content_type}, "{} is for bytes", hint="add --body FILE")
    else:
        refuse(tensors, "--body sends bytes as they are; {} can't be given with it")
        sent = read_body(body, content_type)
    open_trial = _open_trial()
    found = explain(path)
    takes_tensors = found.framework in ("triton", "unknown")
    if not takes_tensors:
        refuse(
            tensors, f"{{}} is for models of Triton; the {found.framework} image takes bytes", "use --body"
        )
    _check_archive(path, found)
    for finding in () if as_json else (*found.errors, *found.warnings):
        print_note(finding.severity.value, finding.message)
    with waiting(f"loading {path}"), _archive(path) as archive:
        name = f"{Path(path).resolve().name.removesuffix('.tar.gz')}.tar.gz"
        with open_trial(archive, name, _repository(found)) as trial:
            _check(trial.load, f"{path} does not load", path)
            if sent:
                reply, seconds = trial.invoke(*sent)
                _check(reply, f"{path} does not answer", path)
                result = _Result(trial.load_seconds, trial.memory_bytes, seconds, reply=reply)
            elif takes_tensors:
                signature = found.models[0].signature if found.models else None
                result = _called(trial, path, signature, list(inputs or ()), json_input)
            else:  # its requests are bytes of a type that its code decides
                result = _Result(trial.load_seconds, trial.memory_bytes)
    if as_json:
        print_json(_as_json(path, result))
    else:
        _print(name, result)


def _open_trial() -> OpenTrial:
    """Return what loads the model. Raises MmeError if it is not installed."""
    for plugin in entry_points(group=TRIAL_GROUP):
        try:
            loaded: OpenTrial = plugin.load()
        except ModuleNotFoundError as error:
            raise missing_package(error, "mme models try", _REQUIREMENT) from error
        return loaded
    raise MmeError(
        "mme models try needs the local endpoint, which is not installed",
        hint=f'pip install "{_REQUIREMENT}"',
    )


def _repository(found: Explanation) -> str:
    from mme.catalog.frameworks import find_framework

    return find_framework("triton" if found.framework == "unknown" else found.framework).repository


def _check_archive(path: str, found: Explanation) -> None:
    """Raise ArchiveError if there is nothing to load: no readable archive, or a model that is not built."""
    from mme.archives.check import MODEL_FILE_MISSING
    from mme.archives.errors import ArchiveError
    from mme.registry.candidates import find_models

    if found.layout == "unreadable":
        raise ArchiveError(path, found.errors)
    # Triton itself says best what is wrong with its other models.
    of_triton = found.framework == "triton" and MODEL_FILE_MISSING not in found.codes
    if found.kind == "directory" and found.errors and not of_triton:
        find_models([path])


@contextmanager
def _archive(path: str) -> Iterator[Iterator[bytes]]:
    """Give the bytes of an archive, or of a directory's."""
    import tempfile

    from mme.archives.model_directory import scan_directory
    from mme.archives.packing import write_archive

    if not Path(path).is_dir():
        with Path(path).open("rb") as stream:
            yield iter(lambda: stream.read(_CHUNK_BYTES), b"")
        return
    directory = scan_directory(path)
    with tempfile.TemporaryFile() as packed:
        write_archive(directory, packed)
        packed.seek(0)
        yield iter(lambda: packed.read(_CHUNK_BYTES), b"")


def _called(
    trial: Trial,
    path: str,
    signature: TensorSignature | None,
    inputs: list[str],
    json_input: Path | None,
) -> _Result:
    from mme.client.codec import decode_reply, encode_request

    tensors = _given(signature, inputs, json_input)
    zeros = _zeros(signature, {tensor.name for tensor in tensors})
    tensors += zeros
    arrays = {tensor.name: tensor.array for tensor in tensors}
    datatypes = {tensor.name: tensor.datatype for tensor in tensors if tensor.datatype}
    request = encode_request(arrays, datatypes=datatypes)
    reply, seconds = trial.invoke(bytes(request.body), request.content_type)
    _check(reply, f"{path} does not answer", path)
    outputs = decode_reply(reply.body, reply.content_type)
    difference = _difference(outputs, trial.reference(arrays))
    return _Result(
        trial.load_seconds,
        trial.memory_bytes,
        seconds,
        arrays,
        tuple(tensor.name for tensor in zeros),
        outputs,
        difference,
    )


def _check(reply: Reply, what: str, path: str) -> None:
    """Raise MmeError if the container refused."""
    from mme.client.container_fault import read_fault

    if not reply.ok:
        fault = read_fault(reply.text, reply.status)
        raise MmeError(f"{what}; {fault.cause}", hint=fault.hint or f"see: mme archives explain {path}")


def _given(
    signature: TensorSignature | None, inputs: list[str], json_input: Path | None
) -> list[NamedTensor]:
    from mme.client.literals import load_json_inputs, parse_input

    tensors = [parse_input(text, signature) for text in inputs]
    return tensors + load_json_inputs(json_input, signature) if json_input else tensors


def _zeros(signature: TensorSignature | None, given: set[str]) -> list[NamedTensor]:
    """Return zeros for the inputs that the model declares and that are not given."""
    import numpy as np

    from mme.client.datatypes import NUMPY_TYPES
    from mme.client.literals import NamedTensor

    tensors = []
    for spec in signature.inputs if signature else ():
        if spec.name in given or spec.optional:
            continue
        shape = [max(1, dim) for dim in signature.request_shape(spec)] if signature else []
        zeros = (
            np.full(shape, b"", np.object_)
            if spec.datatype == "BYTES"
            else np.zeros(shape, NUMPY_TYPES.get(spec.datatype, np.float32))
        )
        tensors.append(NamedTensor(spec.name, zeros, spec.datatype))
    return tensors


def _difference(outputs: Mapping[str, Any], expected: Mapping[str, Any] | None) -> float | None:
    """Return the largest difference between two answers; None if they can't be compared."""
    import numpy as np

    if expected is None or not outputs.keys() <= expected.keys():
        return None
    largest = 0.0
    for name, array in outputs.items():
        other = np.asarray(expected[name])
        if array.size != other.size:
            return float("inf")
        if array.dtype.hasobject:
            words = [item.decode("utf-8", "replace") for item in array.reshape(-1)]
            same = words == [str(item) for item in other.reshape(-1)]
            largest = max(largest, 0.0 if same else float("inf"))
        elif array.size:
            gap = np.abs(array.reshape(-1).astype(np.float64) - other.reshape(-1).astype(np.float64))
            largest = max(largest, float(np.nanmax(gap, initial=0.0)))
    return largest


def _as_json(path: str, result: _Result) -> dict[str, Any]:
    from mme.cli.answers import body_json
    from mme.client.files import outputs_json

    answer = body_json(result.reply) if result.reply else {}
    return {
        "path": path,
        "load_seconds": round(result.load_seconds, 3),
        "call_seconds": None if result.call_seconds is None else round(result.call_seconds, 4),
        "memory_bytes": result.memory_bytes,
        "inputs": outputs_json(result.inputs),
        "outputs": outputs_json(result.outputs),
        "onnxruntime_difference": result.difference,
        **answer,
    }


def _print(name: str, result: _Result) -> None:
    from mme.cli.answers import print_answer, print_reply
    from mme.console import print_line, print_note, size_text

    if result.zeros:
        shapes = ", ".join(f"{zero} {list(result.inputs[zero].shape)}" for zero in result.zeros)
        print_note("zeros", f"for {shapes}; give values: --input NAME=VALUES")
    memory = "" if result.memory_bytes is None else f", {size_text(result.memory_bytes)} of memory"
    if result.call_seconds is None:
        print_line(
            f"loaded in {result.load_seconds:.1f} s{memory}; models of this container take bytes: --body"
        )
        return
    times = f"in {result.load_seconds:.1f} s, answered in {result.call_seconds * 1000:.1f} ms{memory}"
    if result.reply:
        print_reply(name, result.reply, None)
        print_note("loaded", times)  # the answer may be piped
        return
    print_answer(name, result.outputs, None)
    print_line(f"loaded {times}")
    if result.difference == 0:
        print_line("onnxruntime gives the same answer")
    elif result.difference is not None:
        print_line(f"onnxruntime's answer differs by {result.difference:.3g} at most")
