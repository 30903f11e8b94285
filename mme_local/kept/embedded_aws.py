"""The whole state of the embedded AWS of this process, as bytes, and back."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pickle import PicklingError
from typing import Any, Final

from mme_local.aws.functions import EventSource, Function, deployed
from mme_local.kept.bodies import Bodies, chunks_of
from mme_local.kept.pickling import (
    NewBody,
    StatePickler,
    StateUnpickler,
    backends_at,
    place_of,
    used_backends,
)

_TRIES: Final = 5
_FORMLESS: Final = (PicklingError, TypeError, AttributeError)
"""What pickle raises of an object that it can't take."""
_BACKEND_DICT: Final = frozenset(
    {"backend", "service_name", "_use_boto3_regions", "_additional_regions", "_id"}
)
"""What moto makes each time; what else such a dictionary has is state."""


@dataclass(frozen=True)
class Frozen:
    """The state at one moment.

    Attributes:
        pickle: all but the bodies of objects.
        new: bodies to write before the pickle is of use.
        needed: the name of each body that it refers to.
        left_out: services that have no form as bytes, by moto's names.
    """

    pickle: bytes
    new: tuple[NewBody, ...]
    needed: Collection[str]
    left_out: tuple[str, ...] = ()


@dataclass(eq=False)
class _Service:
    """What moto has of one service.

    Attributes:
        module: of its dictionary of backends.
        variable: there.
        more: what the dictionary has besides.
        backends: by account and region.
    """

    module: str
    variable: str
    more: dict[str, Any]
    backends: dict[tuple[str, str], Any]

    @property
    def name(self) -> str:
        """Such as ``s3``."""
        return self.variable.removesuffix("_backends")


@dataclass
class _State:
    """All that is kept."""

    services: list[_Service] = field(default_factory=list)
    functions: tuple[Function, ...] = ()
    sources: tuple[EventSource, ...] = ()


def freeze(bodies: Bodies) -> Frozen:
    """The state now; nothing is written.

    Requests should not run meanwhile: the state would hold what they have done half. Evaluations of alarms
    and long polls may. A service that moto keeps in a form without a pickle (threads, sockets) is left out;
    none that our stacks use is one.

    Raises:
        pickle.PicklingError, TypeError, AttributeError: without those, too, it has no form as bytes.
        RuntimeError: moto no longer has what is relied on.
    """
    state = _state()
    try:
        return _dump(state, bodies)
    except _FORMLESS:
        formless = [one for one in state.services if not _has_form(one, bodies)]
        if not formless:
            raise
        state.services = [one for one in state.services if one not in formless]
        return replace(_dump(state, bodies), left_out=tuple(sorted(one.name for one in formless)))


def _has_form(service: _Service, bodies: Bodies) -> bool:
    try:
        _dump(_State([service]), bodies)
    except _FORMLESS:
        return False
    return True


def _dump(state: _State, bodies: Bodies) -> Frozen:
    for number in range(_TRIES):
        file = io.BytesIO()
        pickler = StatePickler(file, bodies)
        try:
            pickler.dump(state)
        except RuntimeError as error:
            # of a dictionary, a set or a queue that another thread has changed
            if "during iteration" not in str(error) or number == _TRIES - 1:
                raise
        else:
            return Frozen(file.getvalue(), tuple(pickler.new), pickler.needed)
    raise AssertionError("unreachable")


def write_bodies(frozen: Frozen, bodies: Bodies) -> None:
    """Write what a state needs, and have moto read it from there from now on, which frees its memory.

    Requests may run meanwhile.

    Raises:
        BodyVanishedError: an object was deleted meanwhile: the state is of no use any more.
        OSError: a file can't be written.
    """
    for new in frozen.new:
        bodies.write(new.name, chunks_of(new.buffer, new.key.lock))
        bodies.assign(new.buffer, new.name)
        with new.key.lock:
            # moto computes an ETag without a lock, piece by piece: not while it may be doing so
            if new.key._value_buffer is new.buffer and new.key._etag is not None and not new.buffer.closed:
                new.key._value_buffer = bodies.open(new.name)
    if frozen.new:
        bodies.sync()


def thaw(pickle: bytes, bodies: Bodies) -> None:
    """Have the state in this process, whose embedded AWS is still empty.

    Raises:
        BodyMissingError: a file of a body is not as it was.
        Exception: whatever a pickle of another release of moto or of this package may raise.
    """
    from mme_local.aws import moto_patches as mends

    mends.apply()
    state: _State = StateUnpickler(io.BytesIO(pickle), bodies).load()
    for service in state.services:
        backends = backends_at(service.module, service.variable)
        vars(backends).update(service.more)
        for (account, region), backend in service.backends.items():
            dict.__setitem__(backends[account], region, backend)
    for function in state.functions:
        deployed.put(function)
    for source in state.sources:
        deployed.put_source(source)


def _state() -> _State:
    state = _State(functions=deployed.all(), sources=deployed.sources())
    for backends in used_backends():
        module, variable = place_of(backends)
        held = {
            (account, region): backend
            for account, regions in dict(backends).items()
            for region, backend in dict(regions).items()
        }
        more = {name: value for name, value in vars(backends).items() if name not in _BACKEND_DICT}
        state.services.append(_Service(module, variable, more, held))
    return state
