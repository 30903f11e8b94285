"""Aliases are cached for a short time, and stay usable if S3 fails."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.errors import MmeError
from mme.registry.aliases import CachedAliases, UnknownAliasError


class Resolver:
    def __init__(self) -> None:
        self.asked = 0
        self.target = "x_v0.tar.gz"
        self.error: Exception | None = None

    def resolve(self, alias: str) -> str:
        self.asked += 1
        if self.error:
            raise self.error
        return self.target


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> Resolver:
    return Resolver()


@pytest.fixture
def cached(store: Resolver, clock: Clock) -> CachedAliases:
    return CachedAliases(store, 30, clock=clock)


def test_answer_is_cached(cached: CachedAliases, store: Resolver, clock: Clock) -> None:
    assert cached.resolve("x@p") == "x_v0.tar.gz"
    store.target = "x_v1.tar.gz"
    clock.now = 29.9
    assert cached.resolve("x@p") == "x_v0.tar.gz"
    clock.now = 30
    assert cached.resolve("x@p") == "x_v1.tar.gz"
    assert store.asked == 2


def test_forgetting(cached: CachedAliases, store: Resolver) -> None:
    for count, forget in enumerate((lambda: None, lambda: cached.forget("x@p"), cached.forget), 1):
        forget()
        cached.resolve("x@p")
        assert store.asked == count


def test_cached_target_is_used_if_s3_fails(cached: CachedAliases, store: Resolver, clock: Clock) -> None:
    cached.resolve("x@p")
    store.error = ConnectionError()
    clock.now = 31
    assert cached.resolve("x@p") == "x_v0.tar.gz"
    clock.now = 40  # and does not ask a broken S3 at every call
    cached.resolve("x@p")
    assert store.asked == 2
    with pytest.raises(ConnectionError):
        cached.resolve("other@p")


@pytest.mark.parametrize("error", [UnknownAliasError("gone"), MmeError("denied")])
def test_gone_or_denied_is_an_error_at_once(
    cached: CachedAliases, store: Resolver, clock: Clock, error: MmeError
) -> None:
    cached.resolve("x@p")
    store.error = error
    clock.now = 31
    with pytest.raises(type(error)):
        cached.resolve("x@p")


def test_one_request_at_the_moment_of_expiry(store: Resolver) -> None:
    cached = CachedAliases(store, 30)
    together = threading.Barrier(8)

    def ask(_: int) -> str:
        together.wait(timeout=30)
        return cached.resolve("x@p")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"x_v0.tar.gz"}
    assert store.asked == 1


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=40))
def test_never_older_than_its_time(steps: list[tuple[float, bool]]) -> None:
    store, clock = Resolver(), Clock()
    cached = CachedAliases(store, 30, clock=clock)
    current, since = {0: 0.0}, 0
    for pause, change in steps:
        clock.now += pause
        if change:
            since += 1
            current[since] = clock.now
            store.target = f"x_v{since}.tar.gz"
        got = int(cached.resolve("x@p").removeprefix("x_v").removesuffix(".tar.gz"))
        # What came after it has been there for less than the cache's time.
        assert got == since or clock.now - current[got + 1] < 30
