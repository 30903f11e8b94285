"""Models are removed only if no alias needs them, and their numbers are never used again."""

from __future__ import annotations

import pytest

from mme.archives.check import check_model
from mme.errors import MmeError
from mme.registry import ModelStore, find_models, publish, publish_all
from mme.registry.aliases import AliasStore
from mme.registry.promotion import promote, roll_back
from mme.registry.removal import find_removable, plan_prune, remove_models
from mme.registry.versions import RemovedVersions


@pytest.fixture
def aliases(s3) -> AliasStore:
    return AliasStore(s3, "models", "models/", by="me")


@pytest.fixture
def versions(store, make_directory):
    """doubler_v0 to doubler_v4."""
    for number in range(5):
        publish(store, check_model(make_directory(content=f"v{number}")))


def targets(store) -> list[str]:
    return [record.target_model for record in store.listed()]


def remove(store, aliases, *names: str) -> None:
    remove_models(store, find_removable(store, aliases, names), by="me")


def test_number_of_a_removed_version_is_not_used_again(store, aliases, versions, make_directory) -> None:
    remove(store, aliases, "doubler_v4.tar.gz", "doubler_v3.tar.gz")
    assert targets(store) == [f"doubler_v{number}.tar.gz" for number in range(3)]
    # Also not for the same content: instances may have loaded either.
    assert publish(store, check_model(make_directory(content="v4"))).version == 5


def test_number_is_not_used_again_in_a_batch(store, aliases, make_directory) -> None:
    paths = [make_directory(f"m{number}") for number in range(6)]
    publish_all(store, find_models(paths).models)
    remove(store, aliases, "m3_v0.tar.gz")
    outcomes = publish_all(store, find_models(paths).models)
    assert [(one.name, one.version) for one in outcomes if one.created] == [("m3", 1)]


def test_folders_and_other_names_have_separate_marks(store, s3, aliases, make_directory) -> None:
    publish(store, check_model(make_directory()), name="a/x")
    publish(store, check_model(make_directory()), name="x")
    s3.put_object(Bucket="models", Key="models/other.tar.gz", Body=b"x")
    remove(store, aliases, "a/x_v0.tar.gz", "other.tar.gz")
    assert RemovedVersions(store).all() == {"a/x": frozenset({0})}
    assert RemovedVersions(store).of("x") == frozenset()
    assert publish(store, check_model(make_directory()), name="a/x").version == 1


def test_removed_between_listing_and_writing(store, s3, aliases, make_directory, monkeypatch) -> None:
    """Another publisher takes v0 and it is removed, all after our listing: our v0 must not stay."""
    real = store.put_new
    raced = []

    def put_new(target: str, body: bytes, metadata) -> None:
        if not raced:
            raced.append(target)
            publish(
                ModelStore(s3, "models", "models/"), check_model(make_directory(content="theirs", under="o"))
            )
            remove(ModelStore(s3, "models", "models/"), aliases, "doubler_v0.tar.gz")
        real(target, body, metadata)

    monkeypatch.setattr(store, "put_new", put_new)
    outcome = publish(store, check_model(make_directory(content="ours")))
    assert (outcome.version, outcome.created) == (1, True)
    assert targets(store) == ["doubler_v1.tar.gz"]


def test_removed_while_a_batch_ran(store, s3, aliases, make_directory, monkeypatch) -> None:
    real = store.put_new
    raced = []

    def put_new(target: str, body: bytes, metadata) -> None:
        if target == "m2_v0.tar.gz" and not raced:
            raced.append(target)
            other = ModelStore(s3, "models", "models/")
            publish(other, check_model(make_directory(content="theirs", under="o")), name="m2")
            remove(other, aliases, "m2_v0.tar.gz")
        real(target, body, metadata)

    monkeypatch.setattr(store, "put_new", put_new)
    paths = [make_directory(f"m{number}") for number in range(6)]
    outcomes = publish_all(store, find_models(paths).models)
    assert [one.version for one in outcomes] == [0, 0, 1, 0, 0, 0]
    assert len(targets(store)) == 6


def test_the_mark_is_written_before_the_archive_is_deleted(store, s3, aliases, versions, monkeypatch) -> None:
    order: list[str] = []
    s3.meta.events.register("before-call.s3", lambda model, **_: order.append(model.name))
    records = find_removable(store, aliases, ["doubler_v4.tar.gz"])
    order.clear()
    remove_models(store, records, by="me")
    assert order == ["PutObject", "DeleteObject"]


def test_target_of_an_alias_stays(store, aliases, versions) -> None:
    promote(store, aliases, "doubler_v1.tar.gz", "doubler@prod")
    with pytest.raises(MmeError, match=r"doubler_v1\.tar\.gz can't be removed; doubler@prod points at it"):
        remove(store, aliases, "doubler_v0.tar.gz", "doubler_v1.tar.gz")
    assert len(targets(store)) == 5


def test_unknown_model_is_refused_with_close_names(store, aliases, versions) -> None:
    with pytest.raises(MmeError, match="there is no model 'doublr'") as caught:
        remove(store, aliases, "doublr")
    assert caught.value.hint == "did you mean doubler_v4.tar.gz?"


def test_prune_keeps_the_newest_and_what_aliases_need(store, s3, aliases, versions, make_directory) -> None:
    publish(store, check_model(make_directory("single")))
    s3.put_object(Bucket="models", Key="models/other.tar.gz", Body=b"x")
    promote(store, aliases, "doubler_v0.tar.gz", "doubler@prod")
    promote(store, aliases, "doubler_v1.tar.gz", "doubler@prod")
    plan = plan_prune(store, aliases, 2)
    assert [record.version for record in plan.remove] == [2]
    assert [record.version for record in plan.needed_by_alias] == [0, 1]
    remove_models(store, plan.remove, by="me")
    assert roll_back(store, aliases, "doubler@prod")[0].target == "doubler_v0.tar.gz"


def test_an_unreadable_alias_protects_the_versions_of_its_model(store, s3, aliases, versions) -> None:
    s3.put_object(Bucket="models", Key=".mme/models/@aliases/doubler@prod.json", Body=b"{}")
    with pytest.raises(MmeError, match=r"doubler_v0\.tar\.gz can't be removed; the object of doubler@prod"):
        remove(store, aliases, "doubler_v0.tar.gz")
    plan = plan_prune(store, aliases, 1)
    assert (plan.remove, len(plan.needed_by_alias), len(plan.unreadable)) == ((), 4, 1)
    aliases.remove("doubler@prod")
    assert len(plan_prune(store, aliases, 1).remove) == 4


def test_prune_of_some_models(store, aliases, versions, make_directory) -> None:
    for content in "ab":
        publish(store, check_model(make_directory("single", content)))
    plan = plan_prune(store, aliases, 1, ["single"])
    assert [record.target_model for record in plan.remove] == ["single_v0.tar.gz"]
    with pytest.raises(MmeError, match="there is no model absent"):
        plan_prune(store, aliases, 1, ["absent"])
    with pytest.raises(MmeError, match="0 is not a number of versions to keep"):
        plan_prune(store, aliases, 0)


def test_promoting(store, aliases, versions) -> None:
    with pytest.raises(MmeError, match="is an alias of other") as caught:
        promote(store, aliases, "doubler_v1.tar.gz", "other@prod")
    assert caught.value.hint == "did you mean doubler@prod?"
    with pytest.raises(MmeError, match=r"there is no model 'doubler_v9\.tar\.gz'"):
        promote(store, aliases, "doubler_v9.tar.gz", "doubler@prod")
    assert aliases.all().aliases == ()


def test_no_rollback_to_what_was_removed(store, aliases, versions) -> None:
    promote(store, aliases, "doubler_v0.tar.gz", "doubler@prod")
    promote(store, aliases, "doubler_v1.tar.gz", "doubler@prod")
    remove(store, aliases, "doubler_v0.tar.gz")
    with pytest.raises(MmeError, match=r"pointed at doubler_v0\.tar\.gz before, which was removed"):
        roll_back(store, aliases, "doubler@prod")
    assert aliases.resolve("doubler@prod") == "doubler_v1.tar.gz"
