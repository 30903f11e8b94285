"""Model directories from the files of gradient-boosting libraries."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Final

from mme.archives.model_files.booster import Booster
from mme.archives.signature import TensorSpec
from mme.errors import MmeError
from mme.registry.drafts.draft import Content, Draft, DraftOptions
from mme.registry.drafts.file_reading import read_source
from mme.registry.drafts.triton_config import DEFAULT_MAX_BATCH_SIZE, REQUEST_FILE, TritonModel

CSV_FILE: Final = "request.csv"

_LIGHTGBM: Final = Template('''\
"""A LightGBM booster: X, FP32 of shape [batch, $features], to prediction, FP64.

Triton's image has no lightgbm: pack an environment with it, and name that in EXECUTION_ENV_PATH.
"""

from pathlib import Path

import lightgbm
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Predicts with the booster in model.txt."""

    def initialize(self, args):
        """Load the booster; many models share one machine, so it computes on one thread."""
        path = Path(args["model_repository"]) / args["model_version"] / "model.txt"
        self.booster = lightgbm.Booster(model_file=str(path))

    def execute(self, requests):
        """Answer each request separately: one bad request must not fail the others."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        try:
            rows = pb_utils.get_input_tensor_by_name(request, "X").as_numpy()
            found = self.booster.predict(rows, num_threads=1).reshape(len(rows), -1)
            return pb_utils.InferenceResponse([pb_utils.Tensor("prediction", found)])
        except lightgbm.basic.LightGBMError as error:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))
''')


def xgboost_draft(path: Path, options: DraftOptions, ending: str | None = None) -> Draft:
    """Return the model directory of a booster for AWS's XGBoost image: one file at the root.

    Args:
        path: The file, in XGBoost's JSON or UBJSON.
        options: What the user says about it.
        ending: `.json` or `.ubj`, if the file's name does not tell.

    Raises:
        MmeError: It is not such a file, or the options don't fit.
    """
    booster = _read(path, ending)
    options.refuse(path, "AWS's XGBoost image serves it, with the file's own columns, on its instance's CPU")
    name = f"xgboost-model{ending or path.suffix}"
    files: dict[str, Content] = {
        name: path,
        CSV_FILE: (",".join(["0"] * booster.features) + "\n").encode(),
        ".mmeignore": f"{CSV_FILE}\n".encode(),
    }
    return Draft(files, facts=(booster.text, *xgboost_facts(booster.version)), request=CSV_FILE)


def xgboost_facts(version: str = "") -> tuple[str, ...]:
    """Return what serves a booster, a line each.

    Args:
        version: Of the XGBoost that saved it, if it is known.
    """
    served = "served by AWS's XGBoost image, in algorithm mode"
    return (served, f"the image must not be older than XGBoost {version}") if version else (served,)


def lightgbm_draft(path: Path, options: DraftOptions, ending: str | None = None) -> Draft:
    """Return the model directory of a booster for Triton's python backend.

    Args:
        path: The file, in LightGBM's text form.
        options: What the user says about it.
        ending: `.txt`, if the file's name does not tell.

    Raises:
        MmeError: It is not such a file, or the options don't fit.
    """
    booster = _read(path, ending)
    options.refuse(path, "the file states its tensors", tensors_only=True)
    batch = DEFAULT_MAX_BATCH_SIZE if options.max_batch_size is None else options.max_batch_size
    rows = () if batch else (-1,)
    triton = TritonModel(
        backend=('backend: "python"',),
        inputs=[TensorSpec("X", "FP32", (*rows, booster.features))],
        outputs=[TensorSpec("prediction", "FP64", (*rows, booster.classes))],
        max_batch_size=batch,
        gpu=bool(options.gpu),
        comment=(f"Written from {path.name}: {booster.text}.",),
    )
    files: dict[str, Content] = {
        "config.pbtxt": triton.config(),
        "1/model.py": _LIGHTGBM.substitute(features=booster.features).encode(),
        "1/model.txt": path,
        REQUEST_FILE: triton.request(),
        ".mmeignore": f"{REQUEST_FILE}\n".encode(),
    }
    facts = (
        booster.text,
        *triton.lines(),
        "served by Triton's python backend, whose image has no lightgbm: pack an environment with conda-pack "
        "and name it in EXECUTION_ENV_PATH",
    )
    return Draft(files, facts=facts, request=REQUEST_FILE)


def _read(path: Path, ending: str | None) -> Booster:
    read = read_source(path, ending)
    if not isinstance(read, Booster):
        raise MmeError(f"{path} is not a booster", hint="save it with save_model")
    return read
