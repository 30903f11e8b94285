"""Aliases in S3, each a small object that is only ever changed by compare-and-swap.

S3 itself compares: `If-Match` with the ETag that was read, `If-None-Match: *` for a new alias (S3 user guide,
"How to prevent object overwrites with conditional writes"). A server that ignores these headers would lose
changes without a word, so each change first tries a write that must be refused, and says so where it is not.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mme.errors import MmeError
from mme.registry.aliases.document import Alias, Change
from mme.registry.aliases.names import check_alias, state_prefix

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SUFFIX = ".json"
_MAX_TRIES: Final = 20
_PARALLEL_READS: Final = 16
_CONTENT_TYPE: Final = "application/json"
_NO_ETAG: Final = '"00000000000000000000000000000000"'


class UnknownAliasError(MmeError):
    """There is no alias of that name."""


class AliasMovedError(MmeError):
    """Somebody else changed the alias meanwhile, or it does not point where it was expected to."""


class _LostRaceError(Exception):
    """S3 refused the write: the object is no longer what was read."""


class AliasStore:
    """All aliases of one store of models.

    Args:
        s3: a boto3 S3 client.
        bucket: the models' bucket.
        model_prefix: the models' prefix; aliases lie outside it.
        by: who makes changes, for the history. Default: the user and machine.
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
        """The archive an alias stands for: `add_sub@prod` gives `add_sub_v3.tar.gz`.

        Raises:
            UnknownAliasError: there is no such alias.
            MmeError: it is no alias at all, or S3 refuses.
        """
        return self.describe(alias).target

    def describe(self, alias: str) -> Alias:
        """An alias with its history.

        Raises:
            UnknownAliasError: there is no such alias.
            MmeError: it is no alias at all, or S3 refuses.
        """
        check_alias(alias)
        found, _ = self._read(alias)
        if found is None:
            raise UnknownAliasError(
                f"there is no alias {alias}",
                hint=f"see what there is: mme models aliases; or make it: "
                f"mme models promote TARGET --as {alias}",
            )
        return found

    def all(self) -> list[Alias]:
        """Every alias, by name."""
        with ThreadPoolExecutor(_PARALLEL_READS) as pool:
            found = list(pool.map(lambda alias: self._read(alias)[0], self._names()))
        # One that was removed between the listing and the reading is gone.
        return sorted((one for one in found if one), key=lambda one: one.alias)

    def point(self, alias: str, target: str, expected: str | None = None) -> Alias:
        """Makes an alias stand for `target`, made new where there is none.

        Pointing it where it points already changes nothing.

        Args:
            alias: `NAME@LABEL`.
            target: an archive; whether it exists is not looked at.
            expected: where it must point now, `""` for nowhere. Default: anywhere; of two who change it at
                once then both are in the history, and the later one wins.

        Returns:
            the alias as it is now.

        Raises:
            AliasMovedError: it does not point at `expected`.
            MmeError: the name can't be one, S3 refuses, or its server knows no conditional writes.
        """
        check_alias(alias)
        for _ in range(_MAX_TRIES):
            found, etag = self._read(alias)
            current = found.target if found else ""
            if expected is not None and current != expected:
                raise _moved(alias, current, expected)
            if found is not None and current == target:
                return found
            at, by = datetime.now(UTC), self._who()
            changed = (
                found.pointed(target, at=at, by=by)
                if found
                else Alias(alias, target, (), (Change(target, at, by, "point"),))
            )
            try:
                self._write(changed, etag)
            except _LostRaceError:
                continue
            return changed
        raise AliasMovedError(
            f"{alias} was changed by others {_MAX_TRIES} times while this change was made",
            hint="try again when fewer change it at once",
        )

    def rollback(self, alias: str, expected: str | None = None) -> Alias:
        """Goes back to the target before this one; again, to the one before that.

        Args:
            alias: `NAME@LABEL`.
            expected: where it must point now. Default: anywhere.

        Returns:
            the alias as it is now.

        Raises:
            UnknownAliasError: there is no such alias.
            AliasMovedError: somebody else changed it at the same time: going back twice is seldom meant.
            MmeError: there is nothing before this target, or S3 refuses.
        """
        check_alias(alias)
        found, etag = self._read(alias)
        if found is None:
            return self.describe(alias)  # which raises
        if expected is not None and found.target != expected:
            raise _moved(alias, found.target, expected)
        changed = found.rolled_back(at=datetime.now(UTC), by=self._who())
        try:
            self._write(changed, etag)
        except _LostRaceError as error:
            raise _moved(alias, self.resolve(alias), found.target) from error
        return changed

    def remove(self, alias: str, expected: str | None = None) -> None:
        """Forgets an alias with its history.

        The look and the removal are two steps, as not every S3 server deletes conditionally.

        Args:
            alias: `NAME@LABEL`.
            expected: where it must point now. Default: anywhere.

        Raises:
            UnknownAliasError: there is no such alias.
            AliasMovedError: it does not point at `expected`.
        """
        found = self.describe(alias)
        if expected is not None and found.target != expected:
            raise _moved(alias, found.target, expected)
        with self._explained():
            self._s3.delete_object(Bucket=self._bucket, Key=self._key(alias))

    def _names(self) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2")
        with self._explained():
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
                for item in page.get("Contents", []):
                    name = item["Key"][len(self._prefix) :].removesuffix(_SUFFIX)
                    # Another store's aliases may lie deeper; they are no names of this one.
                    if item["Key"].endswith(_SUFFIX) and _is_name(name):
                        yield name

    def _read(self, alias: str) -> tuple[Alias | None, str | None]:
        from botocore.exceptions import ClientError

        with self._explained():
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=self._key(alias))
            except ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchKey":
                    return None, None
                raise
            content = answer["Body"].read()
        return Alias.from_json(content, self.url + alias + _SUFFIX), answer["ETag"]

    def _write(self, alias: Alias, etag: str | None) -> None:
        from botocore.exceptions import ClientError

        self._require_conditional_writes()
        put = self._putter(self._key(alias.alias), alias.to_json())
        try:
            if etag is None:
                put(IfNoneMatch="*")
            else:
                put(IfMatch=etag)
        except ClientError as error:
            if _refused(error):
                raise _LostRaceError from error
            with self._explained():
                raise

    def _require_conditional_writes(self) -> None:
        """Tries one write that an honest server refuses: nothing comes into being there."""
        from botocore.exceptions import ClientError

        if self._conditional:
            return
        key = f"{self._prefix}@probe"
        with self._explained():
            try:
                self._putter(key, b"")(IfMatch=_NO_ETAG)
            except ClientError as error:
                if not _refused(error):
                    raise
                self._conditional = True
                return
            self._s3.delete_object(Bucket=self._bucket, Key=key)
        raise _unconditional(self._bucket)

    def _putter(self, key: str, body: bytes) -> Callable[..., object]:
        def put(**condition: str) -> object:
            return self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType=_CONTENT_TYPE,
                **condition,  # type: ignore[arg-type]
            )

        return put

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
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NoSuchBucket":
                raise MmeError(
                    f"the models' bucket {self._bucket} does not exist",
                    hint="deploy the model store, or check --env, --stack and --region",
                ) from error
            if code in ("AccessDenied", "403"):
                raise MmeError(
                    f"access to {self.url} is denied ({error.operation_name})",
                    hint="aliases lie beside the models, so they need rights of their own: "
                    "grant_resolve_aliases to call by them (s3:GetObject, s3:ListBucket), "
                    "grant_publish_models to promote (s3:PutObject)",
                ) from error
            if code in ("NotImplemented", "501"):
                raise _unconditional(self._bucket) from error
            raise


def who_am_i() -> str:
    """The user and the machine, for people who read a history later: nothing proves it."""
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


def _refused(error: Exception) -> bool:
    """412: it is not what was read. 404: it is gone. 409: another write of it is under way."""
    response = getattr(error, "response", {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code = response.get("Error", {}).get("Code")
    return code != "NoSuchBucket" and (
        status in (404, 409, 412)
        or code in ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404", "409", "412")
    )


def _moved(alias: str, current: str, expected: str) -> AliasMovedError:
    points = f"points at {current}" if current else "does not exist"
    meant = f"not at {expected}" if expected else "though it was to be new"
    return AliasMovedError(
        f"{alias} {points}, {meant}: somebody changed it",
        hint="look again: mme models aliases",
    )


def _unconditional(bucket: str) -> MmeError:
    return MmeError(
        f"the S3 server of the bucket {bucket} does no conditional writes (If-Match), so aliases could be "
        "lost when two people change them at once",
        hint="keep models on Amazon S3 or on a server that does them; the local runtime does",
    )
