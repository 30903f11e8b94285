"""Whether `mme archives explain` and real Triton agree, over random models for Python and ONNX Runtime.

Triton loads each model and answers one request of zeros; explain reads its archive. A false yes is a model
that explain calls servable and Triton does not serve, a false no the contrary. The seed decides the models.
Run it: python -m benchmarks.agreement [COUNT [SEED]] [--json]
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.generated_config import Generated
from benchmarks.generated_models import generated
from benchmarks.report import AS_JSON, report
from benchmarks.sample_models import write_files
from mme.archives.explain import explain
from mme.archives.explanation import Explanation
from mme.archives.signature import TensorSignature
from mme.catalog.images import Processor
from mme.client.codec import encode_request
from mme.client.datatypes import NUMPY_TYPES, Array
from mme_local.containers.container import ContainerDiedError, ContainerReply, ContainerTimeoutError
from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.process import TritonProcess

COUNT: Final = 600
SEED: Final = 1
_NOT_IN_THE_FILE: Final = "tensor-dims-open"
"""ONNX Runtime may know a dim that the file leaves open, and the backend compares with what it knows."""
_QUIET: Final = {"SAGEMAKER_TRITON_LOG_VERBOSE": "0"}
_AS_WRITTEN: Final = _QUIET | {"SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config"}
_MODELS_PER_SERVER: Final = 25
_SECONDS: Final = 90.0


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What explain and Triton say of one model.

    Attributes:
        model: The model.
        servable: Explain's verdict.
        codes: Explain's findings.
        served: Whether Triton loaded the model and answered.
        reason: Triton's error; empty if it served.
    """

    model: Generated
    servable: bool
    codes: tuple[str, ...]
    served: bool
    reason: str

    @property
    def kind(self) -> str:
        """`agreed`, `false yes`, `false no`; `open` if explain warns that the file does not tell."""
        if self.servable == self.served:
            return "agreed"
        if not self.served and _NOT_IN_THE_FILE in self.codes:
            return "open"
        return "false yes" if self.servable else "false no"


def verdicts(models: Sequence[Generated], folder: Path) -> list[Verdicts]:
    """Ask explain and real Triton about each model.

    Args:
        models: Loaded in this order, several at a time.
        folder: For Triton and the models; may not exist.
    """
    installation = TritonInstallation.create(folder / "triton")
    groups = [(_AS_WRITTEN, [each for each in models if each.complete])]
    groups.append((_QUIET, [each for each in models if not each.complete]))
    found: list[Verdicts] = []

    async def story() -> None:
        for environment, members in groups:
            for start in range(0, len(members), _MODELS_PER_SERVER):
                triton = TritonProcess(installation, folder / "instance", environment, start_seconds=120)
                found.extend(await _batch(triton, folder / "instance", members[start:][:_MODELS_PER_SERVER]))

    asyncio.run(story())
    return found


async def _batch(triton: TritonProcess, folder: Path, models: Sequence[Generated]) -> list[Verdicts]:
    """Ask one server, which is started again if a model ends it or makes it hang."""
    results: list[Verdicts] = []
    await triton.start()
    try:
        for number, model in enumerate(models):
            handle = f"{number:032x}"
            path = folder / "models" / handle / "model"
            shutil.rmtree(path, ignore_errors=True)
            write_files(path, model.files)
            explained = explain(path, processor=Processor.CPU)
            try:
                reason = await _refusal(triton, handle, path, model, explained)
            except (ContainerDiedError, ContainerTimeoutError) as error:
                reason = str(error)
                await triton.stop()
                await triton.start()
            results.append(Verdicts(model, explained.servable, explained.codes, not reason, reason))
    finally:
        await triton.stop()
    return results


async def _refusal(
    triton: TritonProcess, handle: str, path: Path, model: Generated, explained: Explanation
) -> str:
    """Return Triton's reason not to serve a model; empty if it serves it."""
    name = f"{handle}.tar.gz"
    loaded = await triton.load(handle, name, path, _SECONDS)
    if not loaded.ok:
        return loaded.text
    if "sequence_batching" in model.config:
        return ""  # a request would have to belong to a sequence
    signature = explained.models[0].signature if explained.models else TensorSignature()
    arrays, datatypes = _zeros(signature)
    request = encode_request(arrays, datatypes=datatypes)
    headers = {"Content-Type": request.content_type}
    answered: ContainerReply = await triton.invoke(handle, name, bytes(request.body), headers, _SECONDS)
    return "" if answered.ok else answered.text


def _zeros(signature: TensorSignature) -> tuple[dict[str, Array], dict[str, str]]:
    """Return one item of zeros for each input, and the inputs' types."""
    arrays: dict[str, Array] = {}
    datatypes: dict[str, str] = {}
    for one in signature.inputs:
        shape = [max(1, dim) for dim in signature.request_shape(one)]
        arrays[one.name] = (
            np.full(shape, b"", np.object_)
            if one.datatype == "BYTES"
            else np.zeros(shape, NUMPY_TYPES.get(one.datatype, np.float32))
        )
        datatypes[one.name] = one.datatype
    return arrays, datatypes


def main() -> None:
    """Compare and print."""
    count, seed = [*map(int, [word for word in sys.argv[1:] if word != AS_JSON]), None, None][:2]
    models = list(generated(count or COUNT, SEED if seed is None else seed))
    with tempfile.TemporaryDirectory(prefix="agreement-") as folder:
        found = verdicts(models, Path(folder) / "run")
    rows = []
    for kind in ("python", "onnx"):
        of_kind = [each for each in found if each.model.kind == kind]
        counts = Counter(each.kind for each in of_kind)
        served = sum(each.served for each in of_kind)
        rows.append(
            {
                "": f"{kind} models",
                "models": len(of_kind),
                "served": served,
                "refused": len(of_kind) - served,
                "false yes": counts["false yes"],
                "false no": counts["false no"],
                "open": counts["open"],
            }
        )
    report("Verdicts of explain and Triton", rows)
    for each in found:
        if each.kind != "agreed":
            codes = ", ".join(each.codes) or "no finding"
            sys.stderr.write(f"\n{each.kind} ({codes}): {each.reason}\n{each.model.config}\n")


if __name__ == "__main__":
    main()
