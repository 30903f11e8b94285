"""Key prefixes of requests and answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from itertools import combinations

from aws_cdk import aws_s3

from mme_cdk._internal.type_checks import check_fields
from mme_cdk._internal.validation import known
from mme_cdk.storage.model_store import ModelStore


@dataclass(frozen=True, kw_only=True)
class ExchangePrefixes:
    """Key prefixes, each ending in `/`, that don't overlap.

    Attributes:
        inputs: Request bodies.
        outputs: Answers.
        failures: Failures.
        outcomes: Objects that decide, once per inference id, how its request ended.
    """

    inputs: str = "async/input/"
    outputs: str = "async/output/"
    failures: str = "async/failure/"
    outcomes: str = "async/outcome/"

    def __post_init__(self) -> None:
        check_fields(self)

    def faults(self, bucket: aws_s3.IBucket | None, models: ModelStore | None) -> list[str]:
        """Return what is wrong with the prefixes.

        Args:
            bucket: Their bucket; None for the default bucket.
            models: The endpoint's models, if known.
        """
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        given = {name: prefix for name, prefix in given.items() if known(prefix)}
        faults = [fault for name, prefix in given.items() if (fault := _form_fault(name, prefix))]
        faults += [
            f"prefixes.{name} {prefix} and prefixes.{other} {theirs} overlap: use separate folders"
            for (name, prefix), (other, theirs) in combinations(given.items(), 2)
            if _overlap(prefix, theirs)
        ]
        if bucket is not None and models is not None and bucket.bucket_name == models.bucket.bucket_name:
            faults += [
                f"prefixes.{name} {prefix} overlaps the models' prefix {models.prefix}; answers could be "
                "invoked as models: use a separate folder, such as async/"
                for name, prefix in given.items()
                if known(models.prefix) and _overlap(prefix, models.prefix)
            ]
        return faults


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _form_fault(name: str, prefix: str) -> str | None:
    if prefix in {"", "/"}:
        return f"prefixes.{name} is empty: use async/{name}/, for example"
    if not prefix.endswith("/"):
        return f"prefixes.{name} {prefix} has no trailing slash: use {prefix}/"
    if prefix.startswith("/") or "//" in prefix:
        return f"prefixes.{name} {prefix} has an empty folder name: use single slashes, none first"
    if re.search(r"[*?${}]", prefix):
        return (
            f"prefixes.{name} {prefix} has characters that are patterns in IAM: use letters, digits and -_./"
        )
    return None
