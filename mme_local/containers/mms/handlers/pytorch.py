"""The PyTorch image: ``code/inference.py`` of a model may have each of the functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from sagemaker_inference import content_types, decoder
from sagemaker_inference.default_handler_service import DefaultHandlerService
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from sagemaker_inference.transformer import Transformer


class PyTorchHandler(DefaultHandlerService, DefaultInferenceHandler):
    """The handler, with what the program leaves out; on the processor only."""

    def __init__(self) -> None:
        super().__init__(Transformer(self))

    def default_model_fn(self, model_dir: str) -> Any:
        """Load TorchScript: ``model.pt``, or the only file that ends with ``.pt`` or ``.pth``."""
        folder = Path(model_dir)
        path = folder / "model.pt"
        if not path.exists():
            found = sorted(one for one in folder.iterdir() if one.is_file() and one.suffix in {".pt", ".pth"})
            if len(found) != 1:
                names = ", ".join(one.name for one in found) or "none"
                raise ValueError(f"without model_fn, one .pth or .pt file is needed; the model has {names}")
            path = found[0]
        script: Any = torch.jit  # untyped
        try:
            return script.load(path, map_location="cpu")
        except RuntimeError as error:
            raise ValueError(
                f"{path.name} can't be loaded; without model_fn, it must be TorchScript"
            ) from error

    def default_input_fn(self, input_data: Any, content_type: str) -> Any:
        """Read CSV or JSON (as 32 bit floats), npy or npz.

        Args:
            input_data: The payload.
            content_type: Of the request.
        """
        tensor = torch.from_numpy(decoder.decode(input_data, content_type))
        return tensor.float() if content_type in content_types.UTF8_TYPES else tensor

    def default_predict_fn(self, data: Any, model: Any) -> Any:
        """Call the module.

        Args:
            data: From `default_input_fn`.
            model: What was loaded.
        """
        model.eval()
        with torch.no_grad():
            return model(data)

    def default_output_fn(self, prediction: Any, accept: str) -> Any:
        """Write JSON, CSV or npy.

        Args:
            prediction: A tensor, or what the program's ``predict_fn`` returns.
            accept: Of the request.
        """
        plain = prediction.detach().cpu().numpy().tolist() if torch.is_tensor(prediction) else prediction
        return super().default_output_fn(plain, accept)
