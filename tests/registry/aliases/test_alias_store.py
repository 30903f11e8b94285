"""Aliases change by compare-and-swap, have a history, and are outside the models' prefix."""

from __future__ import annotations

import io
import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from mme.errors import MmeError
from mme.registry.aliases import Alias, AliasMovedError, AliasStore, UnknownAliasError, UnreadableAliasError
from mme.registry.aliases.alias import HISTORY_LENGTH, PREVIOUS_LENGTH
from mme.registry.names import is_alias, model_of, state_prefix


@pytest.fixture
def aliases(s3: Any) -> AliasStore:
    return AliasStore(s3, "models", "models/", by="me@here")


def keys(s3: Any) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket="models").get("Contents", [])]


@pytest.mark.parametrize(
    ("target", "expected"),
    [("add_sub@prod", True), ("add_sub_v0.tar.gz", False), ("odd@name.tar.gz", False), ("add_sub", False)],
)
def test_what_is_an_alias(target: str, expected: bool) -> None:
    assert is_alias(target) is expected


def test_point_and_resolve(aliases: AliasStore, s3: Any) -> None:
    aliases.point("add_sub@prod", "add_sub_v0.tar.gz")
    assert aliases.resolve("add_sub@prod") == "add_sub_v0.tar.gz"
    assert keys(s3) == [".mme/models/@aliases/add_sub@prod.json"]
    assert AliasStore(s3, "models", "models/").resolve("add_sub@prod") == "add_sub_v0.tar.gz"


def test_history_has_who_and_when(aliases: AliasStore) -> None:
    aliases.point("add_sub@prod", "add_sub_v0.tar.gz")
    aliases.point("add_sub@prod", "add_sub_v1.tar.gz")
    aliases.rollback("add_sub@prod")
    found = aliases.describe("add_sub@prod")
    assert [(change.target, change.by, change.action) for change in found.history] == [
        ("add_sub_v0.tar.gz", "me@here", "point"),
        ("add_sub_v1.tar.gz", "me@here", "point"),
        ("add_sub_v0.tar.gz", "me@here", "rollback"),
    ]
    moments = [change.at for change in found.history]
    assert moments == sorted(moments)
    assert all(moment.utcoffset() is not None for moment in moments)


def test_pointing_at_the_same_target_changes_nothing(aliases: AliasStore) -> None:
    first = aliases.point("x@prod", "x_v0.tar.gz")
    assert aliases.point("x@prod", "x_v0.tar.gz") == first


def test_rollbacks_go_back_one_after_the_other(aliases: AliasStore) -> None:
    for version in range(3):
        aliases.point("x@prod", f"x_v{version}.tar.gz")
    assert aliases.rollback("x@prod").target == "x_v1.tar.gz"
    assert aliases.rollback("x@prod").target == "x_v0.tar.gz"
    with pytest.raises(MmeError, match="had no earlier target"):
        aliases.rollback("x@prod")
    # After a rollback and a promotion, the next rollback returns to the target of the first.
    aliases.point("x@prod", "x_v3.tar.gz")
    assert aliases.rollback("x@prod").target == "x_v0.tar.gz"


def test_history_is_bounded(aliases: AliasStore) -> None:
    for version in range(HISTORY_LENGTH + 10):
        found = aliases.point("x@prod", f"x_v{version}.tar.gz")
    assert len(found.history) == HISTORY_LENGTH
    assert len(found.previous) == PREVIOUS_LENGTH
    assert found.previous[-1] == f"x_v{HISTORY_LENGTH + 8}.tar.gz"


def test_expected_is_compared(aliases: AliasStore) -> None:
    with pytest.raises(AliasMovedError, match="x@prod does not exist, not at x_v0"):
        aliases.point("x@prod", "x_v1.tar.gz", "x_v0.tar.gz")
    aliases.point("x@prod", "x_v0.tar.gz", "")
    with pytest.raises(AliasMovedError, match="but was expected to be new"):
        aliases.point("x@prod", "x_v1.tar.gz", "")
    aliases.point("x@prod", "x_v1.tar.gz", "x_v0.tar.gz")
    with pytest.raises(AliasMovedError, match=r"points at x_v1\.tar\.gz, not at x_v0\.tar\.gz"):
        aliases.rollback("x@prod", "x_v0.tar.gz")
    with pytest.raises(AliasMovedError):
        aliases.remove("x@prod", "x_v0.tar.gz")
    aliases.remove("x@prod", "x_v1.tar.gz")
    assert aliases.all().aliases == ()


def test_unknown_alias(aliases: AliasStore) -> None:
    for ask in (aliases.resolve, aliases.rollback, aliases.remove):
        with pytest.raises(UnknownAliasError, match="there is no alias x@prod"):
            ask("x@prod")


@pytest.mark.parametrize(
    "alias", ["", "x", "@prod", "x@", "x@a/b", "../x@prod", "x@a@b", "x y@prod", "x" * 600]
)
def test_invalid_names(aliases: AliasStore, alias: str) -> None:
    for ask in (aliases.resolve, aliases.rollback, lambda one: aliases.point(one, "x_v0.tar.gz")):
        with pytest.raises(MmeError, match="can't be an alias"):
            ask(alias)


def test_stores_within_each_other_share_no_alias(s3: Any) -> None:
    outer, inner = AliasStore(s3, "models", "m/"), AliasStore(s3, "models", "m/aliases/")
    whole = AliasStore(s3, "models", "")
    stores = (outer, inner, whole)
    for version, store in enumerate(stores):
        store.point("x@prod", f"x_v{version}.tar.gz")
        store.point("aliases/x@prod", f"aliases/x_v{version}.tar.gz")
    for version, store in enumerate(stores):
        assert [(one.alias, one.target) for one in store.all().aliases] == [
            ("aliases/x@prod", f"aliases/x_v{version}.tar.gz"),
            ("x@prod", f"x_v{version}.tar.gz"),
        ]
    assert not any(key.startswith("m/") for key in keys(s3))


def test_models_prefix_must_not_be_the_aliases_prefix() -> None:
    with pytest.raises(MmeError, match=r"is under \.mme/"):
        state_prefix(".mme/models/", "aliases")


def test_missing_bucket(s3: Any) -> None:
    absent = AliasStore(s3, "absent", "models/")
    for ask in (lambda: absent.resolve("x@p"), absent.all, lambda: absent.point("x@p", "x_v0.tar.gz")):
        with pytest.raises(MmeError, match="bucket absent does not exist"):
            ask()


def test_denied(aliases: AliasStore, s3: Any) -> None:
    def deny(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")

    s3.meta.events.register("before-call.s3.GetObject", deny)
    with pytest.raises(
        MmeError, match=r"access to s3://models/.mme/models/@aliases/ is denied \(GetObject\)"
    ):
        aliases.resolve("x@prod")


CHANGE = {"target": "x_v0.tar.gz", "at": "2026-01-02T03:04:05+00:00", "by": "me", "action": "point"}


def stored(**changes: Any) -> bytes:
    content = {"format": 1, "alias": "x@prod", "target": "x_v1.tar.gz", "previous": [], "history": [CHANGE]}
    return json.dumps(content | changes).encode()


UNREADABLE = {
    "text": (b"hello", "is not an alias"),
    "binary": (b"\xff\xfe\x00", "is not an alias"),
    "a list": (b"[1]", "a value has the wrong type"),
    "deep nesting": (b"[" * 100_000, "nested too deeply"),
    "very long": (stored(previous=["x_v0.tar.gz"] * 20_000), "more than 262,144 bytes"),
    "a later format": (stored(format=2), r"later version of this toolkit \(format 2\)"),
    "no target": (b'{"format": 1}', "has no 'target'"),
    "a number as the target": (stored(target=7), "wrong type"),
    "another model": (stored(target="y_v0.tar.gz"), r"y_v0\.tar\.gz is not a version of its model"),
    "another tenant": (stored(target="tenant-b/x_v0.tar.gz"), "not a version of its model"),
    "another alias": (stored(target="x@staging"), "not a version of its model"),
    "another earlier model": (stored(previous=["y_v0.tar.gz"]), "not a version of its model"),
    "a string as the history": (stored(history="x"), "wrong type"),
    "a history of texts": (stored(history=["x"]), "wrong type"),
    "a time without a zone": (stored(history=[CHANGE | {"at": "2026-01-02"}]), "no time zone"),
}


def put_alias(s3: Any, name: str, body: bytes) -> None:
    s3.put_object(Bucket="models", Key=f".mme/models/@aliases/{name}.json", Body=body)


@pytest.mark.parametrize(("body", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_alias_is_reported_and_the_others_are_listed(
    aliases: AliasStore, s3: Any, body: bytes, reason: str
) -> None:
    aliases.point("y@prod", "y_v0.tar.gz")
    put_alias(s3, "x@prod", body)
    with pytest.raises(UnreadableAliasError, match=reason) as caught:
        aliases.resolve("x@prod")
    assert len(str(caught.value)) < 400
    found = aliases.all()
    assert [one.alias for one in found.aliases] == ["y@prod"]
    assert [str(one) for one in found.unreadable] == [str(caught.value)]
    with pytest.raises(UnreadableAliasError):
        aliases.point("x@prod", "x_v0.tar.gz")
    aliases.remove("x@prod")
    assert aliases.point("x@prod", "x_v0.tar.gz").target == "x_v0.tar.gz"


def test_the_alias_is_the_one_of_its_key(aliases: AliasStore, s3: Any) -> None:
    put_alias(s3, "x@prod", stored(alias="tenant-b/secret@prod", history=[]))
    (found,) = aliases.all().aliases
    assert (found.alias, found.target, found.history) == ("x@prod", "x_v1.tar.gz", ())


def test_no_alias_points_at_another_model(aliases: AliasStore) -> None:
    for target in ("y_v0.tar.gz", "tenant-b/x_v0.tar.gz", "y.tar.gz", "x_v0", "x@prod"):
        with pytest.raises(MmeError, match=r"and x@prod is an alias of x"):
            aliases.point("x@prod", target)
    assert aliases.point("x@prod", "x.tar.gz").target == "x.tar.gz"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(["format", "alias", "target", "previous", "history"])


@given(st.dictionaries(fields, json_values), st.binary(max_size=60))
def test_any_content_is_an_alias_or_unreadable(changes: dict[str, Any], other: bytes) -> None:
    for content in (stored(**changes), other, stored(history=[CHANGE | changes])):
        try:
            found = Alias.from_json(content, "x@prod")
        except UnreadableAliasError:
            continue
        assert found.alias == "x@prod"
        assert model_of(found.target) == "x"
        assert Alias.from_json(found.to_json(), "x@prod") == found


class _Answer:
    """A response body."""

    def __init__(self, body: bytes) -> None:
        self.read = io.BytesIO(body).read


class Bucket:
    """S3's conditional writes on one object, as it documents them, atomic."""

    def __init__(self, *, conditional: bool = True) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.conditional = conditional
        self.before_write = lambda: None
        self._lock = threading.Lock()
        self._writes = 0

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": ""}}, "GetObject")
        body, etag = self.objects[Key]
        return {"Body": _Answer(body), "ETag": etag}

    def put_object(self, *, Key: str, Body: bytes, **given: str) -> None:  # noqa: N803
        if not Key.endswith("@probe"):
            self.before_write()
        with self._lock:
            now = self.objects.get(Key, (b"", None))[1]
            if self.conditional:
                if given.get("IfNoneMatch") == "*" and now:
                    raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": ""}}, "PutObject")
                if "IfMatch" in given and now is None:
                    raise ClientError({"Error": {"Code": "NoSuchKey", "Message": ""}}, "PutObject")
                if "IfMatch" in given and now != given["IfMatch"]:
                    raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": ""}}, "PutObject")
            self._writes += 1
            self.objects[Key] = (Body, f'"{self._writes}"')

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        self.objects.pop(Key, None)


@settings(max_examples=60, deadline=None)
@given(
    plan=st.lists(
        st.tuples(st.sampled_from(["point", "expect", "rollback"]), st.integers(0, 3), st.integers(0, 3)),
        max_size=12,
    ),
    interfere=st.lists(st.booleans(), max_size=12),
)
def test_a_race_loses_no_change(plan: list[tuple[str, int, int]], interfere: list[bool]) -> None:
    """Every change that was reported as made is in the history once, in order; a refused one is not there."""
    bucket: Any = Bucket()
    mine, theirs = AliasStore(bucket, "b", "m/", by="me"), AliasStore(bucket, "b", "m/", by="them")
    made: list[tuple[str, str]] = []
    turns = iter(interfere)
    count = 0

    def other_writer() -> None:
        """Between the reading and the writing of one change, another writer comes in."""
        nonlocal count
        if next(turns, False):
            bucket.before_write, hook = (lambda: None), bucket.before_write
            count += 1
            made.append(("them", theirs.point("x@p", f"x_v9{count}.tar.gz").target))
            bucket.before_write = hook

    bucket.before_write = other_writer
    for action, new, old in plan:
        before = len(made)
        try:
            if action == "rollback":
                made.append(("me", mine.rollback("x@p").target))
                continue
            history = len(mine.describe("x@p").history) if made else 0
            done = mine.point("x@p", f"x_v{new}.tar.gz", f"x_v{old}.tar.gz" if action == "expect" else None)
            if len(done.history) > history + len(made) - before:
                made.append(("me", done.target))
        except MmeError:
            pass
    stored = theirs.describe("x@p").history if made else ()
    assert [(change.by, change.target) for change in stored] == made[-HISTORY_LENGTH:]


def test_rollback_does_not_go_back_twice_by_accident() -> None:
    bucket: Any = Bucket()
    store = AliasStore(bucket, "b", "m/")
    for version in range(3):
        store.point("x@p", f"x_v{version}.tar.gz")

    def other() -> None:
        bucket.before_write = lambda: None
        AliasStore(bucket, "b", "m/").rollback("x@p")

    bucket.before_write = other
    with pytest.raises(AliasMovedError, match=r"points at x_v1\.tar\.gz, not at x_v2"):
        store.rollback("x@p")
    assert store.resolve("x@p") == "x_v1.tar.gz"


def test_always_losing_the_race_ends() -> None:
    bucket: Any = Bucket()
    store, other = AliasStore(bucket, "b", "m/"), AliasStore(bucket, "b", "m/")
    count = 0

    def beat() -> None:
        nonlocal count
        count += 1
        bucket.before_write = lambda: None
        other.point("x@p", f"x_v{count}.tar.gz")
        bucket.before_write = beat

    bucket.before_write = beat
    with pytest.raises(AliasMovedError, match="changed by others"):
        store.point("x@p", "x_v99.tar.gz")


def test_server_without_conditional_writes_is_refused() -> None:
    bucket: Any = Bucket(conditional=False)
    with pytest.raises(MmeError, match="does not support conditional writes"):
        AliasStore(bucket, "b", "m/").point("x@p", "x_v0.tar.gz")
    assert bucket.objects == {}
