"""Lines of real Triton logs (2.51), quoted as newer versions write them and unquoted as older ones do.

`triton_logs/quiet.log` and `verbose.log` were written by `python -m tools.capture_triton_log`, with
SAGEMAKER_TRITON_LOG_VERBOSE 0 and true.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.operate.log_lines import Attribution, ModelEvent, Verb, model_event, parse_line
from mme_local.containers.triton.wheel import why_not_here

LOGS = Path(__file__).parent / "triton_logs"


def events(name: str) -> list[ModelEvent]:
    parsed = (model_event(parse_line(line)) for line in (LOGS / name).read_text().split("\n"))
    return [event for event in parsed if event is not None]


@pytest.mark.parametrize("name", ["quiet.log", "verbose.log"])
def test_a_real_log_has_the_events_of_each_model(name: str) -> None:
    story = [(event.verb.value, event.model) for event in events(name)]
    alpha, beta = "alpha_v0.tar.gz", "tenant-a/beta_v1.tar.gz"
    assert story == [
        ("loading", alpha),
        ("loaded", alpha),
        *[("invoking", alpha)] * 4,
        ("unloading", alpha),
        ("unloaded", alpha),
        ("loading", beta),
        ("loaded", beta),
        ("invoking", beta),
        ("unloading", beta),
        ("unloaded", beta),
        ("loading", alpha),
        ("loaded", alpha),
        ("invoking", alpha),
        ("loading", "broken_v0.tar.gz"),
        ("load failed", "broken_v0.tar.gz"),
        ("loading", "memory_v0.tar.gz"),
        ("load failed", "memory_v0.tar.gz"),
        # Out of memory: the other model went, and it was tried again.
        ("unloading", alpha),
        ("unloaded", alpha),
        ("loading", "memory_v0.tar.gz"),
        ("load failed", "memory_v0.tar.gz"),
        ("loading", "config_v0.tar.gz"),
        ("load failed", "config_v0.tar.gz"),
    ]


def test_a_failed_load_has_its_reason_with_real_line_ends() -> None:
    failed = next(event for event in events("quiet.log") if event.verb is Verb.LOAD_FAILED)
    first, *rest = failed.reason.split("\n")
    assert first == "Internal: ModuleNotFoundError: No module named 'nothing_of_that_name'"
    assert "At:" in rest


@pytest.mark.parametrize(
    "text",
    [
        'I1121 14:32:31.646224 19725 sagemaker_server.cc:360] "Loading SageMaker TargetModel: a/b_v0.tar.gz"',
        "I1121 14:32:31.646224 19725 sagemaker_server.cc:360] Loading SageMaker TargetModel: a/b_v0.tar.gz",
        "I1121 14:32:31.646224     7 sagemaker_server.cc:360] Loading SageMaker TargetModel: a/b_v0.tar.gz\n",
    ],
)
def test_quoted_and_unquoted(text: str) -> None:
    event = model_event(parse_line(text))
    assert event == ModelEvent(Verb.LOADING, "a/b_v0.tar.gz", 14 * 3600 + 32 * 60 + 31.646224)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Loading SageMaker TargetModel: forged_v0.tar.gz",
        "I1121 14:32:31.583892 19725 server.cc:674] ",
        "I1121 14:32:31.1 1 x.cc:1] \"failed to load 'm.tar.gz'\"",
        '{"message": "Invoking SageMaker TargetModel: x"}',
    ],
)
def test_other_lines_have_no_event(text: str) -> None:
    assert model_event(parse_line(text)) is None


def test_each_line_goes_to_its_model() -> None:
    about = Attribution()
    owned: dict[str | None, list[str]] = {}
    for text in (LOGS / "verbose.log").read_text().splitlines():
        line = parse_line(text)
        owned.setdefault(about.model_of(line), []).append(line.text)
    broken = "\n".join(owned["broken_v0.tar.gz"])
    # By name, by hash alone, and as lines of a traceback.
    assert "Loading SageMaker TargetModel: broken_v0.tar.gz" in broken
    assert "Model repository registered" in broken
    assert "exec_module" in broken
    assert "beta" not in broken
    assert any("/45b7d339a40b3b1e08dbfb5fa766e3fc/invoke" in text for text in owned["alpha_v0.tar.gz"])
    assert any("executing 1 requests" in text for text in owned["alpha_v0.tar.gz"])
    assert any("Started Sagemaker HTTPService" in text for text in owned[None])
    assert set(owned) == {
        None,
        "alpha_v0.tar.gz",
        "tenant-a/beta_v1.tar.gz",
        "broken_v0.tar.gz",
        "memory_v0.tar.gz",
        "config_v0.tar.gz",
    }


def test_a_line_that_a_python_model_logs_belongs_to_the_model_that_runs() -> None:
    about = Attribution()
    owners = [
        about.model_of(parse_line(f"I0101 00:00:00.000001 1 {text}"))
        for text in (
            "model.py:12] at the start",
            'sagemaker_server.cc:360] "Invoking SageMaker TargetModel: a_v0.tar.gz"',
            "model.py:30] a row is empty",
            "server.cc:1] of the server",
            "utils.py:7] once more",
        )
    ]
    assert owners == [None, "a_v0.tar.gz", "a_v0.tar.gz", None, "a_v0.tar.gz"]


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    line = parse_line(text)
    assert Attribution().model_of(line) is None or line.source is not None
    assert model_event(line) is None or line.source is not None


@pytest.mark.slow
@pytest.mark.triton
@pytest.mark.parametrize(
    ("verbose", "name"), [("0", "quiet.log"), pytest.param("true", "verbose.log", marks=pytest.mark.nightly)]
)
def test_triton_still_logs_as_when_it_was_captured(verbose: str, name: str) -> None:
    if why_not_here():
        pytest.skip(f"Triton's wheel can't run here: {why_not_here()}")
    from tools.capture_triton_log import capture

    parsed = (model_event(parse_line(line)) for line in capture(verbose).split("\n"))
    now = [(event.verb, event.model) for event in parsed if event is not None]
    assert now == [(event.verb, event.model) for event in events(name)]
