"""A runtime's state in its folder: restored before it serves, written while it does."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from mme.errors import MmeError
from mme_local.aws import changes
from mme_local.kept import embedded_aws, operation
from mme_local.kept.bodies import Bodies, BodyMissingError, BodyVanishedError
from mme_local.kept.gate import Gate
from mme_local.kept.recorder import Recorder
from mme_local.kept.state_file import StateFile, StateUnreadableError
from mme_local.server.wsgi import WsgiApplication

_HELD_UP_SECONDS: Final = 0.25
"""Most that requests wait for a moment between requests; then they go on, and it is tried again."""
_TRY_AGAIN_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 2.0
"""At the end, for requests that are still answered."""
_VANISHINGS: Final = 20
FILE: Final = "embedded-aws"
BODIES: Final = "bodies"


class Keeping:
    """Keeps the embedded AWS of this process in a folder.

    Args:
        folder: of this runtime alone, and of this user.
        seconds: at least, between two times that it is written.
    """

    def __init__(self, folder: Path, seconds: float = 1.0) -> None:
        self._folder = folder
        self._file = StateFile(folder / FILE)
        self._bodies = Bodies(folder / BODIES)
        self._gate = Gate()
        self._written = b""
        self._left_out: tuple[str, ...] = ()
        self._stopping = threading.Event()
        self._recorder = Recorder(self._save, seconds)

    def restore(self) -> None:
        """Have what was kept, in an embedded AWS that is empty.

        Raises:
            MmeError: it can't be read; it stays as it is.
        """
        try:
            pickle = self._file.read()
            if pickle is None:
                return
            embedded_aws.thaw(pickle, self._bodies)
        except (StateUnreadableError, BodyMissingError) as error:
            raise _unreadable(error.path, error.reason) from None
        except Exception as error:
            raise _unreadable(self._file.path, f"{type(error).__name__}: {error}") from error
        self._written = hashlib.sha256(pickle).digest()

    def watch(self, application: WsgiApplication) -> WsgiApplication:
        """The control plane, whose requests have what they change kept."""

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            name = operation.name_of(environ)
            if operation.waits(name):  # would hold everything up
                return application(environ, start_response)
            with self._gate.inside():
                try:
                    return application(environ, start_response)
                finally:
                    if operation.changes(environ["REQUEST_METHOD"], name):
                        self._recorder.changed()

        return answer

    def __enter__(self) -> Self:
        """Begin to write what changes."""
        changes.listeners.append(self._recorder.changed)
        self._recorder.start()
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        """Write what has changed, and end; best when no request is answered any more.

        Raises:
            MmeError: it could not be written; what was written before stays.
        """
        self._stopping.set()
        self._recorder.stop()
        changes.listeners.remove(self._recorder.changed)
        if self._recorder.fault and kind is None:
            raise MmeError(
                f"the latest changes could not be kept in {self._folder}: {self._recorder.fault}",
                hint="what was kept before is there; see that the disk has room and may be written",
            )

    def describe(self) -> dict[str, object]:
        """For people and programs: where it is, when it was last written, why not since, and without what."""
        saved = self._recorder.saved
        return {
            "kept": True,
            "folder": str(self._folder),
            "saved": datetime.fromtimestamp(saved, UTC).isoformat() if saved else None,
            "fault": self._recorder.fault,
            "left_out": list(self._left_out),
        }

    def _save(self) -> None:
        for _ in range(_VANISHINGS):
            frozen = self._freeze()
            self._left_out = frozen.left_out
            digest = hashlib.sha256(frozen.pickle).digest()
            if digest == self._written:
                return
            try:
                embedded_aws.write_bodies(frozen, self._bodies)
            except BodyVanishedError:
                continue  # an object is gone: so has the state changed
            self._file.write(frozen.pickle)
            self._written = digest
            self._bodies.sweep(frozen.needed)
            return
        raise TimeoutError("objects are deleted faster than they can be kept")

    def _freeze(self) -> embedded_aws.Frozen:
        """The state between two requests; at the end also amid one that does not come to its own."""
        while True:
            last = self._stopping.is_set()
            with self._gate.alone(_LAST_SECONDS if last else _HELD_UP_SECONDS) as alone:
                if alone or last:
                    return embedded_aws.freeze(self._bodies)
            self._stopping.wait(_TRY_AGAIN_SECONDS)


def _unreadable(path: Path, reason: str) -> MmeError:
    return MmeError(
        f"what was deployed and published is kept in {path}, which can't be read: {reason}",
        hint="it stays as it is; begin anew and delete it: add --fresh, or leave it: take another --folder",
    )
