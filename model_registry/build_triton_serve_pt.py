"""Build triton-serve-pt/1/model.pt: `python model_registry/build_triton_serve_pt.py`.

It needs torch (`pip install "sagemaker-mme[local-pytorch]"`). The network is small, has 1000 outputs like an
ImageNet classifier, and is NOT trained: its weights come from a fixed seed and its predictions mean nothing.
To serve your own, save your scripted network with the same input and output over the file, and publish again:

    torch.jit.script(your_network.eval()).save("model_registry/triton-serve-pt/1/model.pt")
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

try:
    import torch
    from torch import nn
except ImportError:
    sys.exit("torch is not installed: pip install 'sagemaker-mme[local-pytorch]', then run this again")

TARGET = Path(__file__).parent / "triton-serve-pt" / "1" / "model.pt"
SEED = 7
CLASSES = 1000


class SmallImageNetwork(nn.Module):
    """Pictures [N, 3, 224, 224], ImageNet-normalised, to class scores [N, 1000]."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, kernel_size=7, stride=4, padding=3),
            nn.ReLU(),
            nn.Conv2d(16, 32, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.classifier = nn.Linear(64, CLASSES)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return scores, not probabilities."""
        return self.classifier(self.features(pictures))


def main() -> None:
    """Script the network, write it to its version directory, and check the saved file."""
    # torch calls TorchScript deprecated; it is what Triton's pytorch_libtorch platform loads.
    warnings.simplefilter("ignore", FutureWarning)
    torch.manual_seed(SEED)
    network = SmallImageNetwork().eval()
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    torch.jit.script(network).save(str(TARGET))

    sample = torch.rand(2, 3, 224, 224)
    with torch.inference_mode():
        scores = torch.jit.load(str(TARGET))(sample)
        if scores.shape != (2, CLASSES) or not torch.allclose(scores, network(sample)):
            sys.exit(f"{TARGET} does not answer like the network it was saved from")
    print(f"wrote {TARGET} ({TARGET.stat().st_size:,} bytes)")
    print("its weights are random: predictions mean nothing until you save your own trained weights")


if __name__ == "__main__":
    main()
