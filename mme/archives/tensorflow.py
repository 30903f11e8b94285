"""Archives for AWS's TensorFlow container, which runs TensorFlow Serving.

Source: SageMaker Python SDK documentation, "Deploying directly from model artifacts".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from mme.archives.framework_archive import FrameworkArchive
from mme.archives.model_files.reading import ModelFile
from mme.archives.model_files.saved_model import SERVING_SIGNATURE, SavedModel
from mme.archives.signature import TensorSignature
from mme.findings import Finding

_SAVED_MODEL: Final = "saved_model.pb"
_KERAS_ENDINGS: Final = (".keras", ".h5", ".hdf5")


class TensorFlow(FrameworkArchive):
    """SavedModels in directories named by their version number."""

    layout: ClassVar[str] = "saved-model"
    unmistakable: ClassVar[bool] = True

    def matches(self) -> bool:
        """Return whether there is a SavedModel, or a Keras file at the root."""
        names = {member.name for member in self.contents.files}
        return bool(names & {_SAVED_MODEL, "saved_model.pbtxt"} or self.at_root((".keras", ".h5")))

    def model_file(self) -> str:
        """Return the name of a SavedModel's graph."""
        return _SAVED_MODEL

    def versions(self) -> tuple[int, ...]:
        """Return the numbers among the directories' names."""
        return tuple(sorted(int(name) for name in self.contents.folders() if name.isdecimal()))

    def unreadable(self) -> Iterator[Finding]:
        """Yield what is wrong with the newest version's SavedModel."""
        found = self._newest()
        if isinstance(found, Finding):
            yield found
        elif isinstance(found, SavedModel) and found.serving is None:
            text = (
                f"{self._newest_path()} has no signature {SERVING_SIGNATURE}, which requests get by default"
            )
            known = ", ".join(sorted(found.signatures)) or "none"
            yield Finding.warning("signature-missing", text, f"name one in requests; it has: {known}")

    def signature(self) -> TensorSignature:
        """Return the tensors of the newest version's default signature."""
        found = self._newest()
        serving = found.serving if isinstance(found, SavedModel) else None
        return TensorSignature(serving.inputs, serving.outputs) if serving else TensorSignature()

    def _newest_path(self) -> str:
        return f"{max(self.versions(), default=0)}/{_SAVED_MODEL}"

    def _newest(self) -> ModelFile | Finding | None:
        return self.contents.model_files.get(self._newest_path())

    def check(self) -> Iterator[Finding]:
        """Yield what is wrong with the SavedModels."""
        contents = self.contents
        versions = [name for name in contents.folders() if name.isdecimal()]
        good = [name for name in versions if contents.find(f"{name}/{_SAVED_MODEL}")]
        for name in good:
            if contents.find(f"{name}/variables") is None:
                text = f"{name}/variables/ is missing; only a SavedModel of constants has none"
                yield Finding.warning(
                    "variables-missing", text, f"save the model again: model.export('{name}')"
                )
        if good:
            return
        keras = self.anywhere(_KERAS_ENDINGS)
        deep = self.anywhere(_SAVED_MODEL)
        if contents.find(_SAVED_MODEL):
            text = f"{_SAVED_MODEL} is at the root, not in a version directory"
            hint = f"move {_SAVED_MODEL}, variables/ and assets/ into a directory named 1"
            yield Finding.error("saved-model-root", text, hint)
        elif keras:
            text = f"{keras[0]} is a Keras file; TensorFlow Serving loads SavedModels only"
            hint = "export it: keras.models.load_model(FILE).export('1'), and pack the directory 1"
            yield Finding.error("keras-file", text, hint)
        elif deep:
            text = f"{deep[0]} is not in a version directory at the root: NUMBER/{_SAVED_MODEL}"
            yield Finding.error("saved-model-missing", text, "put it in a directory named 1 at the root")
        else:
            text, hint = (
                f"there is no NUMBER/{_SAVED_MODEL}",
                "save the model as a SavedModel into a directory named 1",
            )
            yield Finding.error("saved-model-missing", text, hint)
