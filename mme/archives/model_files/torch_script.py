"""A TorchScript file's forward function, read from the code in it; nothing is unpickled.

Source: torch/csrc/jit/docs/serialization.md of the PyTorch repository.
"""

from __future__ import annotations

import pickletools
import re
import zipfile
from dataclasses import dataclass
from typing import IO, Final

from mme.errors import MmeError

_CODE_MAX_BYTES: Final = 16 * 1024 * 1024
_ROOT_MAX_BYTES: Final = 64 * 1024 * 1024
_FORWARD: Final = re.compile(
    r"^  def forward\(self: [^,)]+,?\s*(?P<arguments>.*?)\) -> (?P<returns>.+?):$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class TorchScript:
    """What a TorchScript file says of itself.

    Attributes:
        arguments: Names and types of forward's arguments: `("x", "Tensor")`.
        returns: Types of what forward returns, in order.
    """

    arguments: tuple[tuple[str, str], ...]
    returns: tuple[str, ...]


def read_torch_script(file: IO[bytes], path: str) -> TorchScript:
    """Read the signature of a TorchScript file's forward function.

    Args:
        file: Open for reading, and able to seek.
        path: Of the file, for messages.

    Raises:
        MmeError: It is not TorchScript; the message says what it is, if that is known.
    """
    hint = "save it as TorchScript: torch.jit.script(model.eval()).save('model.pt')"
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile:
        raise MmeError(f"{path} is not TorchScript, which is a zip file", hint=hint) from None
    names = archive.namelist()
    root = next((name for name in names if name.endswith("/data.pkl") and name.count("/") == 1), None)
    folder = root.rpartition("/")[0] if root else ""
    if any(name.endswith(("serialized_exported_program.json", "archive_format")) for name in names):
        raise MmeError(f"{path} is a program of torch.export, not TorchScript", hint=hint)
    if root is None or not any(name.startswith(f"{folder}/code/") for name in names):
        what = "weights or a pickled module" if root else "a zip file"
        raise MmeError(f"{path} is {what}, not TorchScript: it has no code", hint=hint)
    try:
        scope, _, name = _root_class(_content(archive, root, _ROOT_MAX_BYTES)).rpartition(".")
        code = _content(archive, f"{folder}/code/{scope.replace('.', '/')}.py", _CODE_MAX_BYTES).decode()
    except (KeyError, ValueError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise MmeError(f"{path} is damaged: {error}", hint="save the model again") from error
    body = code.partition(f"class {name}(Module):")[2].partition("\nclass ")[0]
    found = _FORWARD.search(body)
    if not found:
        raise MmeError(f"{path} has no forward function", hint="define forward, and script the module again")
    arguments = [part.partition(":") for part in _split(found["arguments"])]
    returns = found["returns"].strip()
    several = returns.removeprefix("Tuple[")[:-1] if returns.startswith("Tuple[") else None
    return TorchScript(
        tuple((name.strip(), kind.partition("=")[0].strip()) for name, _, kind in arguments),
        tuple(_split(several)) if several is not None else (returns,),
    )


def _content(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    if archive.getinfo(name).file_size > most:
        raise ValueError(f"{name} has over {most:,} bytes")
    return archive.read(name)


def _root_class(pickle: bytes) -> str:
    """Return the class of the pickled object, which is the first that the pickle names."""
    for code, argument, _ in pickletools.genops(pickle):
        if code.name == "GLOBAL" and str(argument).startswith("__torch__"):
            return str(argument).replace(" ", ".")
    raise ValueError("its data names no class")


def _split(text: str) -> list[str]:
    """Split at commas that are not within brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[(") - (letter in "])")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [" ".join(part.split()) for part in parts if part.strip()]
