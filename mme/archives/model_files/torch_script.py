"""A TorchScript file's forward function, read from the code in it; nothing is unpickled.

Source: torch/csrc/jit/docs/serialization.md of the PyTorch repository.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import IO, Any, Final

from mme.archives.model_files.content_stream import ContentStream
from mme.errors import MmeError

_CODE_MAX_BYTES: Final = 16 * 1024 * 1024
_ROOT_MAX_BYTES: Final = 64 * 1024 * 1024
_HEAD_BYTES: Final = 256 * 1024
_TAIL_BYTES: Final = 4 * 1024 * 1024
"""Of a stream: torch.jit.save writes the code after the weights."""
_FORWARD: Final = "\n  def forward(self: "


@dataclass(frozen=True, slots=True)
class TorchScript:
    """What a TorchScript file says of itself.

    Attributes:
        arguments: Names and types of forward's arguments: `("x", "Tensor")`.
        returns: Types of what forward returns, in order.
    """

    arguments: tuple[tuple[str, str], ...]
    returns: tuple[str, ...]

    @property
    def text(self) -> str:
        """The signature in a line: `forward(x: Tensor) -> Tensor`."""
        arguments = ", ".join(f"{name}: {kind}" for name, kind in self.arguments)
        return f"forward({arguments}) -> {', '.join(self.returns)}"


def torch_script_of(stream: ContentStream, size: int) -> TorchScript | None:
    """Return what a file says if it is TorchScript. Its weights are skipped.

    Args:
        stream: The file.
        size: Of the file, in bytes.
    """
    head = b""
    while len(head) < _HEAD_BYTES and (block := stream.read(_HEAD_BYTES - len(head))):
        head += block
    stream.skip(max(0, size - len(head) - _TAIL_BYTES))
    blocks = []
    while block := stream.read(_TAIL_BYTES):
        blocks.append(block)
    tail = b"".join(blocks)
    try:
        return read_torch_script(io.BufferedReader(_Ends(head, tail, size)), "the file")
    except Exception:  # on foreign bytes, zipfile raises many more kinds than its own
        return None


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
    begin = body.find(_FORWARD)
    arrow = body.find(") -> ", begin)
    end = body.find(":\n", arrow)
    if min(begin, arrow, end) < 0:
        raise MmeError(f"{path} has no forward function", hint="define forward, and script the module again")
    listed = body[begin + len(_FORWARD) : arrow].partition(",")[2]
    arguments = [part.partition(":") for part in _split(listed)]
    returns = body[arrow + len(") -> ") : end].strip()
    several = returns.removeprefix("Tuple[")[:-1] if returns.startswith("Tuple[") else None
    return TorchScript(
        tuple((name.strip(), kind.partition("=")[0].strip()) for name, _, kind in arguments),
        tuple(_split(several)) if several is not None else (returns,),
    )


class _Ends(io.RawIOBase):
    """A file of which only the first and the last bytes were read.

    Args:
        head: The first bytes.
        tail: The last bytes.
        size: Of the file, in bytes.
    """

    def __init__(self, head: bytes, tail: bytes, size: int) -> None:
        self._parts = (0, head), (size - len(tail), tail)
        self._size = size
        self._position = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = max(0, offset + (0, self._position, self._size)[whence])
        return self._position

    def readinto(self, buffer: Any) -> int:
        for start, part in self._parts:
            if start <= self._position < start + len(part):
                found = part[self._position - start :][: len(buffer)]
                buffer[: len(found)] = found
                self._position += len(found)
                return len(found)
        if self._position >= self._size:
            return 0
        raise ValueError("this part of the file was not read")


def _content(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    if archive.getinfo(name).file_size > most:
        raise ValueError(f"{name} has over {most:,} bytes")
    return archive.read(name)


def _root_class(pickle: bytes) -> str:
    """Return the class of the pickled object, which is the first that the pickle names."""
    import pickletools

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
