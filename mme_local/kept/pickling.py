"""Pickles of moto's records, where the usual way would lose or hold too much.

Everything here that rests on moto's insides fails by RuntimeError where moto no longer has it.
"""

from __future__ import annotations

import copyreg
import pickle
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from pickle import PicklingError
from typing import IO, Any, Final, cast

from mme_local.kept.bodies import Bodies, KeptBody

_BUFFER: Final = "_value_buffer"
_LOCK: Final = "lock"


@dataclass(frozen=True, slots=True)
class NewBody:
    """A body that no file holds yet.

    Attributes:
        key: moto's record of the object version.
        buffer: what moto holds the body in.
        name: of the file that is to hold it.
    """

    key: Any
    buffer: Any
    name: str


class _Keys:
    """Reduces moto's records of object versions; apart from the pickler, which would refer to itself and so
    stay in memory, with all that it has seen."""

    def __init__(self, bodies: Bodies) -> None:
        self.new: list[NewBody] = []
        self.needed: set[str] = set()
        self._bodies = bodies

    def reduce(self, key: Any) -> Any:
        if not {_BUFFER, _LOCK} <= vars(key).keys():
            raise RuntimeError("this release of moto keeps the bodies of objects elsewhere")
        buffer = vars(key)[_BUFFER]
        name = None
        if not buffer.closed:
            name = self._bodies.name_of(buffer)
            if name is None:
                name = self._bodies.new_name()
                self.new.append(NewBody(key, buffer, name))
            self.needed.add(name)
        state = {field: value for field, value in vars(key).items() if field not in (_BUFFER, _LOCK)}
        reference = (find_body, (name, int(key.contentsize)))
        return _bare_key, (type(key),), state | {_BUFFER: _Reduced(reference)}, None, None, _set_key


class StatePickler(pickle.Pickler):
    """Writes metadata only: bodies of objects are named, and `new` lists those that have yet to be written.

    Args:
        file: to write to.
        bodies: which buffers are in files already.

    Attributes:
        new: bodies to write before the pickle is of use.
        needed: the name of each body that the pickle refers to.
    """

    def __init__(self, file: IO[bytes], bodies: Bodies) -> None:
        super().__init__(file, protocol=5)
        keys = _Keys(bodies)
        self.new, self.needed = keys.new, keys.needed
        self.dispatch_table = {
            **copyreg.dispatch_table,
            # nobody holds a lock that is read from a file
            type(threading.Lock()): lambda _: (threading.Lock, ()),
            type(threading.RLock()): lambda _: (threading.RLock, ()),
            threading.Condition: lambda _: (threading.Condition, ()),
            defaultdict: _reduce_defaultdict,
        } | _loaded(
            {
                "moto.core.base_backend:BackendDict": _refer_to_backends,
                "moto.core.base_backend:AccountSpecificBackend": _refer_to_account,
                "moto.s3.models:S3BackendDict": _refer_to_backends,
                "moto.s3.models:FakeKey": keys.reduce,
                "moto.s3.utils:_VersionedKeyStore": _reduce_versions,
                "moto.logs.models:LogGroup": _reduce_log_group,
                "moto.ssm.models:ParameterDict": _reduce_parameters,
                "moto.kms.utils:RSAPrivateKey": _reduce_private_key,
                "moto.kms.utils:ECDSAPrivateKey": _reduce_private_key,
                "mme_local.aws.cloudwatch.store:MetricStore": _make_again,
                "mme_local.aws.clients:AwsClients": _refer_to_clients,
            }
        )


class StateUnpickler(pickle.Unpickler):
    """Reads what a `StatePickler` wrote; bodies stay in their files.

    Args:
        file: to read from.
        bodies: the files.
    """

    def __init__(self, file: IO[bytes], bodies: Bodies) -> None:
        super().__init__(file)
        self._bodies = bodies

    def find_class(self, module: str, name: str) -> Any:
        """See `pickle.Unpickler`."""
        if (module, name) == (__name__, find_body.__name__):
            return self._body
        return super().find_class(module, name)

    def _body(self, name: str | None, size: int) -> KeptBody:
        if name is None:
            return _closed_body()
        self._bodies.check(name, size)
        return self._bodies.open(name)


def find_body(name: str | None, size: int) -> KeptBody:
    """Stands in pickles for a body; a `StateUnpickler` alone knows where it is."""
    raise pickle.UnpicklingError(f"the body {name} of {size} bytes was asked for outside of its state")


def place_of(backends: Any) -> tuple[str, str]:
    """Where one of moto's dictionaries of backends is: module and variable.

    Raises:
        RuntimeError: it is no module's.
    """
    if id(backends) not in _places:
        _places.update(_find_places())
    if id(backends) not in _places:
        raise RuntimeError(f"this release of moto keeps {backends.service_name} elsewhere")
    return _places[id(backends)]


def used_backends() -> list[Any]:
    """moto's dictionary of backends of each service that has been used."""
    from moto.core.base_backend import BackendDict

    return list(cast(Any, BackendDict)._instances)


def backends_at(module: str, variable: str) -> Any:
    """The dictionary of backends there."""
    return getattr(import_module(module), variable)


class _Reduced:
    """An object that is pickled as what it was made with."""

    def __init__(self, reduced: tuple[Any, ...]) -> None:
        self._reduced = reduced

    def __reduce__(self) -> tuple[Any, ...]:
        return self._reduced


def _loaded(reducers: dict[str, Callable[[Any], Any]]) -> dict[type, Callable[[Any], Any]]:
    """By class; of modules that nobody has loaded there are no objects."""
    table = {}
    for name, reducer in reducers.items():
        module, _, kind = name.partition(":")
        if module not in sys.modules:
            continue
        found = getattr(sys.modules[module], kind, None)
        if found is None:
            raise RuntimeError(f"this release of moto has no {name.replace(':', '.')}")
        table[found] = reducer
    return table


_places: Final[dict[int, tuple[str, str]]] = {}
"""By the id of a dictionary, as that is a module's and stays."""


def _find_places() -> dict[int, tuple[str, str]]:
    from moto.core.base_backend import BackendDict

    found: dict[int, tuple[str, str]] = {}
    for name, module in sorted(sys.modules.items(), key=lambda item: (len(item[0]), item[0])):
        if name.startswith(("moto.", "mme_local.aws.")):
            for variable, value in list(vars(module).items()):
                if isinstance(value, BackendDict):
                    found.setdefault(id(value), (name, variable))
    return found


def _reduce_defaultdict(values: defaultdict[Any, Any]) -> Any:
    return defaultdict, (_named_factory(values.default_factory),), None, None, iter(values.items())


def _named_factory(factory: Any) -> Any:
    """The same factory, in a form that has a name in a module: a lambda has none."""
    if "<lambda>" not in getattr(factory, "__qualname__", ""):
        return factory
    made = factory()
    if type(made) is defaultdict and not made:
        return partial(defaultdict, _named_factory(made.default_factory))
    if type(made) in (dict, list, set) and not made:
        return type(made)
    raise PicklingError(f"a dictionary makes its values by a nameless function of {factory.__module__}")


def _make_again(value: Any) -> Any:
    """A new one, in which nothing was measured."""
    return type(value), ()


def _refer_to_backends(backends: Any) -> Any:
    return backends_at, place_of(backends)


def _refer_to_account(backends: Any) -> Any:
    account: str = backends.account_id
    for each in used_backends():
        if dict.get(each, account) is backends:
            return _account_of, (*place_of(each), account)
    raise RuntimeError(f"this release of moto keeps {backends.service_name} elsewhere")


def _account_of(module: str, variable: str, account: str) -> Any:
    return backends_at(module, variable)[account]


def _refer_to_clients(clients: Any) -> Any:
    from mme_local.aws.clients import clients_of

    return clients_of, (clients.account, clients.region)


def _reduce_versions(store: dict[str, list[Any]]) -> Any:
    """moto's own items are each key's newest version only, and putting one there adds a version."""
    return type(store), (), dict.copy(store), None, None, _set_versions


def _set_versions(store: dict[str, list[Any]], versions: dict[str, list[Any]]) -> None:
    dict.update(store, versions)


def _reduce_parameters(parameters: dict[str, list[Any]]) -> Any:
    """Those that are there; moto makes AWS's own when they are asked for."""
    return _bare, (type(parameters),), (dict.copy(parameters), vars(parameters)), None, None, _set_parameters


def _set_parameters(
    parameters: defaultdict[str, list[Any]], state: tuple[dict[str, list[Any]], dict[str, Any]]
) -> None:
    dict.update(parameters, state[0])
    parameters.default_factory = list
    vars(parameters).update(state[1])


def _reduce_log_group(group: Any) -> Any:
    """Without what was logged."""
    if "streams" not in vars(group):
        raise RuntimeError("this release of moto keeps log streams elsewhere")
    return _bare, (type(group),), vars(group) | {"streams": {}}


def _reduce_private_key(key: Any) -> Any:
    """moto makes one of each KMS key; OpenSSL's own object has no pickle."""
    from cryptography.hazmat.primitives import serialization as forms

    if "private_key" not in vars(key):
        raise RuntimeError("this release of moto keeps the private keys of KMS elsewhere")
    der = key.private_key.private_bytes(forms.Encoding.DER, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    return _bare, (type(key),), vars(key) | {"private_key": _Reduced((_private_key, (der,)))}


def _private_key(der: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    # checking the primes takes a while, and the state's own checksum was right
    return load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)


def _bare(kind: Any) -> Any:
    return kind.__new__(kind)


def _bare_key(kind: Any) -> Any:
    key = _bare(kind)
    key.disposed = True  # so that moto does not miss a buffer, should the rest not be read
    return key


def _set_key(key: Any, state: dict[str, Any]) -> None:
    vars(key).update(state)
    vars(key)[_LOCK] = threading.Lock()


def _closed_body() -> KeptBody:
    body = KeptBody(Path())
    body.close()
    return body
