"""`mme advise`: the decision as text and JSON, the interview, and answers that contradict each other."""

from __future__ import annotations

import io
import sys

import pytest

NEEDS = ("--models", 500, "--framework", "xgboost", "--model-size", "50MB")


class Terminal(io.StringIO):
    """Standard input of a user who types these lines."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch):
    def type_lines(*lines: str) -> None:
        monkeypatch.setattr(sys, "stdin", Terminal("".join(f"{line}\n" for line in lines)))

    return type_lines


def test_the_decision_with_costs_limits_and_assumptions(mme) -> None:
    ran = mme("advise", *NEEDS)
    assert ran.status == 0, ran.err
    assert ran.rows[0] == "recommended multi-model endpoint"
    assert "cost 331 to 662 USD a month: 2 to 4 ml.m5.xlarge, us-east-1" in ran.rows
    assert "with mme_cdk.MultiModelEndpoint" in ran.rows
    assert "note compare the costs: mme cost --models 500 --type ml.m5.xlarge" in ran.rows
    assert any(
        row.startswith("serverless 50 serverless endpoints a region; here 500 models; SageMaker AI")
        for row in ran.rows
    )
    assert "inference-components fits, 662 to 1,325 USD a month" in ran.rows
    assert any(row.startswith("assumed: a payload of 1.0 MB (--payload);") for row in ran.rows)
    assert not any("--models)" in row for row in ran.rows)


def test_explain_prints_every_limit(mme) -> None:
    from mme.catalog.hosting_options import hosting_options

    ran = mme("advise", *NEEDS, "--explain")
    start = ran.rows.index("OPTION LIMIT HERE FITS SOURCE")
    table = ran.rows[start + 1 :]
    for option in hosting_options().values():
        for limit in option.limits:
            assert any(row.startswith(f"{option.name} {limit.text} ") for row in table)


def test_json_has_everything(mme) -> None:
    found = mme("advise", *NEEDS, "--type", "ml.m5.xlarge", "--price", "ml.m5.xlarge=1", "--json").json
    assert found["recommended"] == "multi-model"
    assert found["workload"]["frameworks"] == ["xgboost"]
    assert "models" not in found["assumed"]
    options = {one["name"]: one for one in found["options"]}
    assert options["multi-model"]["usd_a_month"] == {"min": 1440.0, "max": 2880.0}
    assert options["multi-model"]["decided_by"] is None
    decided = options["serverless"]["decided_by"]
    assert (decided["most"], decided["fits"]) == (50, False)
    assert decided["source"]
    assert decided["date"]


def test_no_option_fits(mme) -> None:
    ran = mme("advise", "--payload", "30MB", "--latency", "seconds")
    assert ran.status == 3
    assert ran.rows[0] == "none fits each option has a limit that rules it out"
    assert mme("advise", "--payload", "30MB", "--latency", "seconds", "--json").json["recommended"] is None


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ((), "not a terminal to ask on", "--payload, --processing, --latency, --traffic, --models"),
        (("--payload", "big"), "'big' is not a size", "25MB"),
        (("--processing", "10"), "'10' is not a duration", "200ms"),
        (("--latency", "soon"), "'soon' is not one of", "mme advise --help"),
        (("--models", "-1"), "-1 models", "--models"),
        (("--framework", "tritn"), "'tritn'", "triton"),
        (("--type", "ml.g5.xlrage"), "not a SageMaker hosting", "ml.g5.xlarge"),
        (("--latency", "milliseconds", "--processing", "90s"), "contradict each other", "--latency"),
        (("--price", "x"), "is not a price", "--price"),
    ],
)
def test_bad_input_is_one_line_and_a_hint(mme, arguments, message, hint, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    ran = mme("advise", *arguments)
    error, fix = ran.err.splitlines()
    assert (ran.status, ran.out) == (2, "")
    assert message in error
    assert hint in fix


def test_the_interview(mme, typed) -> None:
    typed("500", "triton", "200MB", "y", "s", "sec", "", "", "y", "5", "")
    ran = mme("advise")
    assert ran.status == 0, ran.err
    assert ran.rows[0] == "recommended multi-model endpoint and inference components"
    assert "How many models:" in ran.err
    assert "--payload" in ran.rows[-1]
    assert "--models" not in ran.rows[-1]


def test_the_interview_asks_again(mme, typed) -> None:
    # Not a number; an unknown framework; two traffics; processing longer than callers wait.
    typed("many", "1", "tritn", "", "", "maybe", "n", "x", "s", "mi", "mil", "", "90s", "90ms", "", "")
    ran = mme("advise")
    assert ran.status == 0, ran.err
    assert ran.rows[0] == "recommended real-time endpoint for each model"
    assert ran.err.count("error:") == 6
    # One model can't be hot.
    assert "take most of the calls" not in ran.err


def test_the_interview_ends_with_its_input(mme, typed) -> None:
    typed("500")
    ran = mme("advise")
    assert ran.status == 2
    assert ran.out == ""
    assert "ended before its last question" in ran.err
