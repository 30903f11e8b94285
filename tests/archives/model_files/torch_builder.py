"""A TorchScript file, made by hand: torch is not installed here."""

from __future__ import annotations

import zipfile
from pathlib import Path

CODE = """class Doubler(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def forward(self: __torch__.net.Doubler,
    x: Tensor,
    mask: Optional[Tensor]=None) -> Tuple[Tensor, Dict[str, Tensor]]:
    _0 = torch.mul(x, 2)
    return (_0, {"x": x})
class Other(Module):
  def forward(self: __torch__.net.Other) -> Tensor:
    return torch.zeros([1])
"""
ONE_TO_ONE = CODE.replace(",\n    mask: Optional[Tensor]=None", "").replace(
    "Tuple[Tensor, Dict[str, Tensor]]", "Tensor"
)


def write_torch(path: Path, code: str | None = CODE) -> Path:
    """Write it; without code it is what torch.save writes."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\x02c__torch__.net\nDoubler\nq\x00)\x81.")
        if code is not None:
            archive.writestr("net/code/__torch__/net.py", code)
        archive.writestr("net/version", "3\n")
    return path
