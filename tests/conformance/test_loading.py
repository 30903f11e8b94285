"""Models are loaded by their first call, and loaded copies do not change."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.archives.archive_builder import pack
from tests.conformance import models
from tests.conformance.case import LAYOUT, case
from tests.conformance.target import Target, request


@case("a model is loaded by its first call and answers")
def test_first_call(target: Target) -> None:
    assert target.call(target.publish("first", target.models.times(2)), 21).tensor("Y") == [42]


@case("a second call is answered by the same load")
def test_repeat(target: Target, double: str) -> None:
    first, second = target.call(double, 1), target.call(double, 2)
    assert (first.tensor("Y"), second.tensor("Y")) == ([2], [4])
    assert first.tensor("LOAD") == second.tensor("LOAD")


@case("a second model is loaded in addition to the first")
def test_second_model(target: Target, double: str) -> None:
    loaded = target.call(double).tensor("LOAD")
    assert target.call(target.publish("second", target.models.times(3))).tensor("Y") == [3]
    assert target.call(double).tensor("LOAD") == loaded


@case("many callers of a cold model are all answered, by one load on each instance")
def test_callers_share_a_load(target: Target) -> None:
    model = target.publish("shared", target.models.times(2))
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda number: target.call(model, number), range(8)))
    assert [answer.tensor("Y") for answer in answers] == [[2.0 * number] for number in range(8)]
    loads = {answer.tensor("LOAD")[0] for answer in answers}
    assert target.instances is None or len(loads) <= target.instances


@case(
    "an archive's name, the opaque name it is loaded under and config.pbtxt's name may all differ",
    triton_only=LAYOUT,
)
def test_hash_is_not_the_name(target: Target) -> None:
    model = target.publish("Of-Many.Names", models.ADD_SUB)
    answer = target.invoke(model, request(INPUT0=("INT32", [5] * 16), INPUT1=("INT32", [2] * 16)))
    assert answer.tensor("OUTPUT0") == [7] * 16
    assert answer.json["model_name"] == model, "Triton knows the model by its TargetModel"


@case("an archive that wraps its model in one directory is served", triton_only=LAYOUT)
def test_wrapped_in_a_directory(target: Target) -> None:
    model = target.publish("wrapped", models.wrapped("a-directory", models.times(7)))
    assert target.call(model).tensor("Y") == [7]


@case("a loaded model does not change when its archive is overwritten; a new key loads the new one")
def test_overwritten(target: Target) -> None:
    model = target.publish("overwritten", target.models.times(2))
    loaded = target.call(model).tensor("LOAD")
    new = pack(target.models.times(3))
    target.put("", new, model)
    again = target.call(model)
    assert (again.tensor("Y"), again.tensor("LOAD")) == ([2], loaded)
    assert target.call(target.put("overwritten", new)).tensor("Y") == [3]


@case("a loaded model answers after its archive is deleted")
def test_deleted(target: Target) -> None:
    model = target.publish("deleted", target.models.times(2))
    target.call(model)
    target.remove(model)
    assert target.call(model, 4).tensor("Y") == [8]


@case("an answer names its variant, its content type and its request")
def test_fields(target: Target, double: str) -> None:
    answer = target.call(double)
    assert answer.response["InvokedProductionVariant"]
    assert answer.content_type == "application/json"
    assert answer.response["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert uuid.UUID(answer.response["ResponseMetadata"]["RequestId"])
