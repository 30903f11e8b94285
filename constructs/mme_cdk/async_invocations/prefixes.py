"""Where in the bucket requests and answers lie."""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass, fields

from aws_cdk import aws_s3

from mme_cdk._internal.expectations import TEXT, expect, kind_of
from mme_cdk._internal.validation import known
from mme_cdk.storage.model_store import ModelStore


@dataclass(frozen=True, kw_only=True)
class ExchangePrefixes:
    """Key prefixes, each of its own and ending in `/`.

    Attributes:
        inputs: of requests' bodies.
        outputs: of answers.
        failures: of what is put in place of an answer.
        outcomes: of the objects that settle, once for each inference id, how its request ended.
    """

    inputs: str = "async/input/"
    outputs: str = "async/output/"
    failures: str = "async/failure/"
    outcomes: str = "async/outcome/"

    def kind_faults(self) -> list[str | None]:
        """The faults of those that are no texts."""
        return [expect(f"prefixes.{field.name}", getattr(self, field.name), TEXT) for field in fields(self)]

    def faults(self, bucket: aws_s3.IBucket | None, models: ModelStore | None) -> list[str]:
        """What is wrong with them.

        Args:
            bucket: that they are in; None for one of their own.
            models: the endpoint's, where they are known.
        """
        named = {field.name: value for field, value in zip(fields(self), astuple(self), strict=True)}
        given = {name: value for name, value in named.items() if known(value)}
        faults = [fault for name, value in given.items() if (fault := _form_fault(name, value))]
        texts = list(given.items())
        for index, (name, value) in enumerate(texts):
            faults += [
                f"prefixes.{name} {value} and prefixes.{other} {theirs} overlap: give each its own folder"
                for other, theirs in texts[index + 1 :]
                if _overlap(value, theirs)
            ]
        if bucket is not None and models is not None and bucket.bucket_name == models.bucket.bucket_name:
            faults += [
                f"prefixes.{name} {value} overlaps the models' prefix {models.prefix}: what is written there "
                "could be invoked as a model; use a folder beside it, such as async/"
                for name, value in given.items()
                if known(models.prefix) and _overlap(value, models.prefix)
            ]
        return faults


PREFIXES = kind_of(
    ExchangePrefixes, noun="an ExchangePrefixes", way_out='use ExchangePrefixes(inputs="async/input/"), say'
)


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _form_fault(name: str, prefix: str) -> str | None:
    if prefix in {"", "/"}:
        return f"prefixes.{name} is empty: use async/{name}/, say"
    if not prefix.endswith("/"):
        return f"prefixes.{name} {prefix} has no trailing slash: use {prefix}/"
    if prefix.startswith("/") or "//" in prefix:
        return f"prefixes.{name} {prefix} holds an empty folder name: use single slashes, none first"
    if re.search(r"[*?${}]", prefix):
        return (
            f"prefixes.{name} {prefix} holds characters that IAM would take as a pattern: "
            "use letters, digits and -_./"
        )
    return None
