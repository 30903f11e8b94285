"""Archives for containers that load the one file at the root."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from mme.archives.file_kind import file_kind, is_lfs_pointer, may_be_estimator
from mme.archives.framework_archive import FrameworkArchive
from mme.findings import Finding

PICKLE_ENDINGS: Final = (".pkl", ".pickle", ".joblib", ".sav")

_NOT_MODELS: Final = ("README", "LICENSE", "requirements.txt", "inference.py", "setup.py")


class OneFileArchive(FrameworkArchive):
    """A saved model at the root."""

    layout: ClassVar[str] = "one-file"
    example: ClassVar[str]
    """A usual name of the model's file."""

    def model_file(self) -> str:
        """Return the first file at the root that can be a model."""
        return next(iter(self._models()), "")

    def check(self) -> Iterator[Finding]:
        """Yield what is wrong with the model's file."""
        models = self._models()
        if not models:
            if not self.loads_itself:
                yield self._missing()
            return
        if self.contents.whole(models[0]) == b"":
            yield Finding.error("model-file-empty", f"{models[0]} is an empty file", "save the model again")
        elif not self.loads_itself and (
            foreign := foreign_estimator(models[0], self.contents.start(models[0]))
        ):
            yield foreign
        if len(models) > 1 and not self.loads_itself:
            text = f"{len(models)} files are at the root: {', '.join(models[:5])}; one is taken for the model"
            yield Finding.warning("several-weights", text, "keep only the model's file at the root")

    def _missing(self) -> Finding:
        deep = next((m.path for m in self.contents.files if not m.path.startswith("code/")), None)
        if deep:
            hint = "move it to the archive's root: tar -czf model.tar.gz -C MODEL_DIRECTORY ."
            return Finding.error("weights-deep", f"{deep} is not at the archive's root", hint)
        hint = f"put the saved model at the root, e.g. as {self.example}"
        return Finding.error("weights-missing", "there is no model file at the root", hint)

    def _models(self) -> list[str]:
        return [member.name for member in self.root if not member.name.startswith(_NOT_MODELS)]


def foreign_estimator(path: str, start: bytes) -> Finding | None:
    """Return what is wrong if a file is surely not the saved estimator that its ending says.

    Args:
        path: Of the file.
        start: Its first bytes; empty if they are not known.
    """
    if not start or not path.endswith((*PICKLE_ENDINGS, ".skops")) or is_lfs_pointer(start):
        return None
    if may_be_estimator(path, start):
        return None
    kind = file_kind(start)
    text = (
        f"{path} is {kind}, not a saved estimator"
        if kind
        else f"{path} is not a saved estimator; it starts with {start[:8]!r}"
    )
    hint = "save the estimator again: joblib.dump(model, 'model.joblib')"
    return Finding.error("model-file-foreign", text, hint)
