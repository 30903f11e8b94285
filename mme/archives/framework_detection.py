"""Whose container an archive was made for, by what it holds."""

from __future__ import annotations

from typing import Final

from mme.archives.contents import Contents
from mme.archives.triton.config import DEFAULT_MODEL_FILES
from mme.archives.triton.version_rules import is_version
from mme.catalog.frameworks import frameworks
from mme.errors import MmeError

TRITON: Final = "triton"
UNKNOWN: Final = "unknown"

_DEEPEST_CONFIG: Final = 4
_TRITON_FILES: Final = (*DEFAULT_MODEL_FILES.values(), "model.savedmodel", "model.graphdef", "model.pt2")
_XGBOOST_ENDINGS: Final = (".ubj", ".bst", ".xgb", ".model", ".deprecated")
_PICKLE_ENDINGS: Final = (".pkl", ".pickle", ".joblib", ".sav")
_TORCH_ENDINGS: Final = (".pth", ".pt", ".safetensors")


def known_framework(name: str) -> str:
    """A framework's short name, as the catalog has it; some other spellings are understood.

    Raises:
        MmeError: none is called so.
    """
    plain = name.strip().lower().replace("_", "-").replace(" ", "-")
    plain = {
        "sklearn": "scikit-learn",
        "tf": "tensorflow",
        "torch": "pytorch",
        "rcf": "random-cut-forest",
    }.get(plain, plain)
    if plain in frameworks():
        return plain
    raise MmeError(
        f"no container is known for the framework {name!r}", hint=f"frameworks are: {', '.join(frameworks())}"
    )


def detect_frameworks(contents: Contents) -> list[str]:
    """All that the contents speak for, the likeliest first; empty where nothing does."""
    if _is_triton(contents):
        # Files of the other frameworks are what Triton's models are made of.
        return [TRITON]
    likely = []
    files = contents.files
    root = [member for member in contents.children() if not member.is_directory]
    if any(member.name in ("saved_model.pb", "saved_model.pbtxt") for member in files) or any(
        member.name.endswith((".keras", ".h5")) for member in root
    ):
        likely.append("tensorflow")
    if any(member.name.endswith(("-symbol.json", ".params")) for member in files):
        likely.append("mxnet")
    if any(member.name.endswith(_TORCH_ENDINGS) for member in files):
        likely.append("pytorch")
    pickled = [member.path for member in files if member.name.endswith(_PICKLE_ENDINGS)]
    if any(_is_xgboost(contents, member.path, member.name) for member in root):
        likely.append("xgboost")
    elif pickled:
        likely.append("scikit-learn")
    if not likely and any(member.name.startswith("pytorch_model") for member in files):
        likely.append("pytorch")
    return likely


def _is_triton(contents: Contents) -> bool:
    for member in contents.members:
        if member.name.lower().startswith("config.pbtxt") and member.depth <= _DEEPEST_CONFIG:
            return True
        parts = member.path.split("/")
        if member.name in _TRITON_FILES and len(parts) in (2, 3) and is_version(parts[-2]):
            return True
    return False


def _is_xgboost(contents: Contents, path: str, name: str) -> bool:
    start = contents.start(path)
    if name.startswith("xgboost-model") or name.endswith(_XGBOOST_ENDINGS):
        return True
    if name.endswith(_PICKLE_ENDINGS):
        return b"xgboost" in start
    # A saved booster: JSON and UBJSON both begin with the learner, the old form with a magic word.
    return start.startswith(b"binf") or (start[:1] == b"{" and b"learner" in start[:60])
