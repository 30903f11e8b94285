"""Archives for AWS's PyTorch container, and models that transformers saved for its Hugging Face variant.

Sources: SageMaker Python SDK documentation, "Using PyTorch with the SageMaker Python SDK";
aws/sagemaker-huggingface-inference-toolkit, ``handler_service.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from mme.archives.framework_archive import CODE_FILE, FrameworkArchive
from mme.findings import Finding

_ENDINGS: Final = (".pth", ".pt")


class PyTorch(FrameworkArchive):
    """Weights at the root, with code that loads them."""

    layout: ClassVar[str] = "torch-weights"

    def matches(self) -> bool:
        """Return whether there are weights of PyTorch."""
        return bool(
            self.anywhere((*_ENDINGS, ".safetensors"))
            or any(member.name.startswith("pytorch_model") for member in self.contents.files)
        )

    @property
    def saved_by_transformers(self) -> bool:
        """Whether the root is what ``save_pretrained`` writes."""
        weights = self.at_root((".safetensors", ".bin"))
        return self.contents.find("config.json") is not None and any(
            name.startswith(("model", "pytorch_model")) for name in weights
        )

    def model_file(self) -> str:
        """Return the first file of weights at the root."""
        return next(iter(self.at_root(_ENDINGS)), "")

    def check(self) -> Iterator[Finding]:
        """Yield what is wrong with the weights and the code."""
        weights = self.at_root(_ENDINGS)
        if not weights and not self.loads_itself:
            deep = self.anywhere(_ENDINGS)
            if self.saved_by_transformers:
                text = "it is a model that transformers saved; the PyTorch container can't load it by itself"
                hint = f"serve it with AWS's Hugging Face container, or load it in model_fn of {CODE_FILE}"
                yield Finding.warning("transformers-model", text, hint)
            elif deep:
                text = f"{deep[0]} is not at the archive's root"
                hint = f"move it to the root, or load it in model_fn of {CODE_FILE}"
                yield Finding.error("weights-deep", text, hint)
            else:
                hint = f"add model.pth, or load the model in model_fn of {CODE_FILE}"
                yield Finding.error("weights-missing", "there is no .pth or .pt file at the root", hint)
        if len(weights) > 1 and not self.loads_itself:
            text = f"{len(weights)} files of weights: {', '.join(weights[:5])}; the default code takes one"
            yield Finding.warning("several-weights", text, f"keep one, or choose in model_fn of {CODE_FILE}")
        if weights and self.contents.find(CODE_FILE) is None:
            text = f"{CODE_FILE} is missing: the default code loads {weights[0]} with torch.jit.load"
            hint = "add it with a model_fn(model_dir), unless the file is TorchScript"
            yield Finding.warning("code-missing", text, hint)
