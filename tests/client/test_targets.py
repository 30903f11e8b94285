"""Aliases, through the client."""

from __future__ import annotations

import numpy as np
import pytest

from mme.client import InvalidRequestError, InvalidTargetError
from mme.client.targets import check_endpoint
from mme.errors import MmeError

from .test_many import answer_of


class Names:
    """Knows one alias."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.asked: list[str] = []

    def resolve(self, alias: str) -> str:
        self.asked.append(alias)
        if alias != "add_sub@prod":
            raise MmeError(f"there is no alias {alias}")
        return self.target


def test_the_model_behind_it_is_called(service, make_client) -> None:
    service.answers = [answer_of(1)]
    names = Names("add_sub_v3.tar.gz")
    client = make_client(aliases=names)
    client.infer("add_sub@prod", {"X": np.zeros(1, np.float32)})
    client.invoke("add_sub_v0.tar.gz", b"{}")
    assert [headers["x-amzn-sagemaker-target-model"] for _, headers, _ in service.requests] == [
        "add_sub_v3.tar.gz",
        "add_sub_v0.tar.gz",
    ]
    assert names.asked == ["add_sub@prod"]


def test_unknown_aliases_are_never_sent(service, make_client) -> None:
    with pytest.raises(MmeError, match="there is no alias add_sub@dev"):
        make_client(aliases=Names("x")).invoke("add_sub@dev", b"")
    with pytest.raises(InvalidTargetError, match="this client has no aliases"):
        make_client().invoke("add_sub@prod", b"")
    with pytest.raises(InvalidTargetError, match="the model's name is empty"):
        make_client(aliases=Names("")).invoke("add_sub@prod", b"")
    (outcome,) = make_client().infer_many([("add_sub@prod", {"X": np.zeros(1, np.float32)})])
    assert isinstance(outcome.error, InvalidTargetError)
    assert service.requests == []


@pytest.mark.parametrize(
    "name", ["", " ", "no pe", "a" * 64, "-a", "a/b", "arn:aws:sagemaker:::endpoint/x", None]
)
def test_invalid_endpoint_names(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="is not a valid endpoint name") as caught:
        check_endpoint(name)
    assert repr(name) in caught.value.message


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (None, "the model's name is None"),
        (" x.tar.gz", "a space"),
        ("x.tar.gz ", "a space"),
        ("", "is empty"),
        ("a" * 1025, "has 1025 characters"),
        ("a\nb.tar.gz", "can't be sent"),
        ("ä.tar.gz", "can't be sent"),
        ("/a.tar.gz", "not relative"),
        ("s3://b/models/a.tar.gz", "not relative"),
    ],
)
def test_invalid_models_are_not_sent(service, make_client, target: str, words: str) -> None:
    with pytest.raises(InvalidTargetError, match=words):
        make_client().invoke(target, b"x")
    assert service.requests == []


def test_one_name_instead_of_a_list_is_refused(service, make_client) -> None:
    with pytest.raises(InvalidTargetError, match=r"it must be a list of names: \['a_v0\.tar\.gz'\]"):
        list(make_client().warm("a_v0.tar.gz"))
    with pytest.raises(InvalidRequestError, match=r"'a_v0\.tar\.gz' is not a call"):
        list(make_client().infer_many(["a_v0.tar.gz"]))
    assert service.requests == []
