"""Aliases in S3: one small object each, changed by compare-and-swap only.

S3 itself compares: `If-Match` with the ETag that was read, `If-None-Match: *` for a new alias (S3 user guide,
"How to prevent object overwrites with conditional writes"). A server that ignores these headers would lose
changes silently, so the first change tries a write that must be refused.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mme.aws.s3_errors import explain_s3_errors, is_write_conflict
from mme.errors import MmeError
from mme.registry.aliases.alias import MAX_BYTES, Alias, UnreadableAliasError, check_target
from mme.registry.names import check_alias, state_prefix

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SUFFIX: Final = ".json"
_MAX_TRIES: Final = 20
_PARALLEL_READS: Final = 16
_CONTENT_TYPE: Final = "application/json"
_NO_ETAG: Final = '"00000000000000000000000000000000"'
_DENIED_HINT: Final = (
    "aliases are outside the models' prefix and need separate rights: grant_resolve_aliases to call by alias "
    "(s3:GetObject, s3:ListBucket), grant_publish_models to promote (s3:PutObject)"
)


class UnknownAliasError(MmeError):
    """There is no alias of that name."""


class AliasMovedError(MmeError):
    """The alias was changed meanwhile, or does not point at the expected archive."""


@dataclass(frozen=True, slots=True)
class AliasListing:
    """All aliases of a store.

    Attributes:
        aliases: By name.
        unreadable: Why the others can't be read, by name.
    """

    aliases: tuple[Alias, ...]
    unreadable: tuple[UnreadableAliasError, ...] = ()


class _LostRaceError(Exception):
    """S3 refused the write: the object changed after it was read."""


class AliasStore:
    """All aliases of one model store. Threads may share it.

    Args:
        s3: A boto3 S3 client.
        bucket: The models' bucket.
        model_prefix: The models' prefix. Aliases are stored outside it.
        by: Who makes changes, for the history. Default: the user and the machine.
    """

    def __init__(self, s3: S3Client, bucket: str, model_prefix: str, *, by: str | None = None) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._prefix = state_prefix(model_prefix, "aliases")
        self._by = by
        self._conditional = False

    @property
    def url(self) -> str:
        """`s3://bucket/.mme/models/@aliases/`."""
        return f"s3://{self._bucket}/{self._prefix}"

    def resolve(self, alias: str) -> str:
        """Return the archive that an alias points at: `add_sub@prod` gives `add_sub_v3.tar.gz`.

        Raises:
            UnknownAliasError: There is no such alias.
            UnreadableAliasError: Its object is not an alias, or points at an archive of another model.
            MmeError: The alias is invalid, the bucket does not exist or access is denied.
        """
        return self.describe(alias).target

    def describe(self, alias: str) -> Alias:
        """Return an alias with its history.

        Raises:
            UnknownAliasError: There is no such alias.
            UnreadableAliasError: Its object is not an alias, or points at an archive of another model.
            MmeError: The alias is invalid, the bucket does not exist or access is denied.
        """
        return self._require(alias)[0]

    def all(self) -> AliasListing:
        """Return every alias. One that can't be read is reported and the rest is returned."""

        def read(alias: str) -> Alias | UnreadableAliasError | None:
            try:
                return self._read(alias)[0]
            except UnreadableAliasError as error:
                return error

        with ThreadPoolExecutor(_PARALLEL_READS) as pool:
            # Aliases that were removed after the listing are gone.
            found = sorted((one for one in pool.map(read, self._names()) if one), key=lambda one: one.alias)
        return AliasListing(
            tuple(one for one in found if isinstance(one, Alias)),
            tuple(one for one in found if isinstance(one, UnreadableAliasError)),
        )

    def point(self, alias: str, target: str, expected: str | None = None) -> Alias:
        """Point an alias at an archive. A new alias is created.

        If it points there already, nothing changes.

        Args:
            alias: `NAME@LABEL`.
            target: An archive of the alias's model. Whether it exists is not checked.
            expected: The archive that it must point at now, `""` for none. Default: any; then of two
                simultaneous changes both are in the history, and the later one wins.

        Returns:
            The alias as it is now.

        Raises:
            AliasMovedError: It does not point at `expected`.
            MmeError: The alias is invalid or of another model, the bucket does not exist, access is denied,
                or the S3 server does not support conditional writes.
        """
        check_target(alias, target)
        for _ in range(_MAX_TRIES):
            found, etag = self._read(alias)
            current = found.target if found else ""
            _check_expected(alias, current, expected)
            if found is not None and current == target:
                return found
            changed = (found or Alias(alias, "")).pointed(target, at=datetime.now(UTC), by=self._who())
            try:
                self._write(changed, etag)
            except _LostRaceError:
                continue
            return changed
        raise AliasMovedError(
            f"{alias} was changed by others {_MAX_TRIES} times during this change",
            hint="try again when fewer change it at once",
        )

    def rollback(self, alias: str, expected: str | None = None) -> Alias:
        """Point an alias at its previous target; again, at the one before that.

        Args:
            alias: `NAME@LABEL`.
            expected: The archive that it must point at now. Default: any.

        Returns:
            The alias as it is now.

        Raises:
            UnknownAliasError: There is no such alias.
            AliasMovedError: Another user changed it at the same time; two steps back are seldom wanted.
            MmeError: There is no earlier target, the bucket does not exist or access is denied.
        """
        found, etag = self._require(alias)
        _check_expected(alias, found.target, expected)
        changed = found.rolled_back(at=datetime.now(UTC), by=self._who())
        try:
            self._write(changed, etag)
        except _LostRaceError as error:
            raise _moved(alias, self.resolve(alias), found.target) from error
        return changed

    def remove(self, alias: str, expected: str | None = None) -> None:
        """Delete an alias with its history.

        The check and the deletion are two steps, since not every S3 server deletes conditionally.

        Args:
            alias: `NAME@LABEL`.
            expected: The archive that it must point at now. Default: any, also an object that can't be read.

        Raises:
            UnknownAliasError: There is no such alias.
            AliasMovedError: It does not point at `expected`.
        """
        try:
            _check_expected(alias, self.describe(alias).target, expected)
        except UnreadableAliasError:
            if expected is not None:
                raise
        with self._explained():
            self._s3.delete_object(Bucket=self._bucket, Key=self._key(alias))

    def _names(self) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2")
        with self._explained():
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
                for item in page.get("Contents", []):
                    name = item["Key"][len(self._prefix) :].removesuffix(_SUFFIX)
                    # The aliases of a store with a longer prefix may be deeper; they don't belong to this
                    # one.
                    if item["Key"].endswith(_SUFFIX) and _is_name(name):
                        yield name

    def _require(self, alias: str) -> tuple[Alias, str | None]:
        check_alias(alias)
        found, etag = self._read(alias)
        if found is None:
            raise UnknownAliasError(
                f"there is no alias {alias}",
                hint="list the aliases: mme models aliases; or create it: "
                f"mme models promote TARGET --as {alias}",
            )
        return found, etag

    def _read(self, alias: str) -> tuple[Alias | None, str | None]:
        from botocore.exceptions import ClientError

        with self._explained():
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=self._key(alias))
            except ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchKey":
                    return None, None
                raise
            content = answer["Body"].read(MAX_BYTES + 1)
        return Alias.from_json(content, alias), answer["ETag"]

    def _write(self, alias: Alias, etag: str | None) -> None:
        self._require_conditional_writes()
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        self._put(self._key(alias.alias), alias.to_json(), condition)

    def _require_conditional_writes(self) -> None:
        """Try one write that a server with conditional writes refuses; it leaves no object there."""
        if self._conditional:
            return
        key = f"{self._prefix}@probe"
        try:
            self._put(key, b"", {"IfMatch": _NO_ETAG})
        except _LostRaceError:
            self._conditional = True
            return
        self._s3.delete_object(Bucket=self._bucket, Key=key)
        raise _unconditional(self._bucket)

    def _put(self, key: str, body: bytes, condition: dict[str, Any]) -> None:
        from botocore.exceptions import ClientError

        with self._explained():
            try:
                self._s3.put_object(
                    Bucket=self._bucket, Key=key, Body=body, ContentType=_CONTENT_TYPE, **condition
                )
            except ClientError as error:
                if is_write_conflict(error):
                    raise _LostRaceError from error
                raise

    def _key(self, alias: str) -> str:
        return f"{self._prefix}{alias}{_SUFFIX}"

    def _who(self) -> str:
        if self._by is None:
            self._by = who_am_i()
        return self._by

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from botocore.exceptions import ClientError

        try:
            with explain_s3_errors(self._bucket, self.url, denied_hint=_DENIED_HINT):
                yield
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NotImplemented", "501"):
                raise _unconditional(self._bucket) from error
            raise


def who_am_i() -> str:
    """Return the user and the machine, for people who read a history: nothing proves it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"  # a container whose user has no name
    return f"{user}@{socket.gethostname()}"


def _is_name(alias: str) -> bool:
    try:
        check_alias(alias)
    except MmeError:
        return False
    return True


def _check_expected(alias: str, current: str, expected: str | None) -> None:
    if expected is not None and current != expected:
        raise _moved(alias, current, expected)


def _moved(alias: str, current: str, expected: str) -> AliasMovedError:
    now = f"points at {current}" if current else "does not exist"
    wanted = f"not at {expected}" if expected else "but was expected to be new"
    return AliasMovedError(
        f"{alias} {now}, {wanted}; it was changed meanwhile", hint="check it: mme models aliases"
    )


def _unconditional(bucket: str) -> MmeError:
    return MmeError(
        f"the S3 server of the bucket {bucket} does not support conditional writes (If-Match); simultaneous "
        "changes of an alias could be lost",
        hint="use Amazon S3 or a server that supports them; the local endpoint does",
    )
