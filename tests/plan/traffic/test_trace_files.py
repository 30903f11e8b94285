"""Traces in files: what they say and what is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mme.errors import MmeError
from mme.plan.traffic.trace import Trace
from mme.plan.traffic.trace_files import read_trace
from tests.plan.workload import trace_of, write_trace

LOGS = Path(__file__).parents[2] / "operate" / "triton_logs"


def read(tmp_path: Path, text: str) -> Trace:
    file = tmp_path / "trace.csv"
    file.write_text(text, "utf-8")
    return read_trace(file)


def requests(trace: Trace) -> list[tuple[float, str]]:
    return [(at, trace.names[model]) for at, model in zip(trace.seconds, trace.models, strict=True)]


@pytest.mark.parametrize(
    "text",
    [
        "time,model\n1,a\n2.5,b\n2.5,a\n",
        "1,a\n2.5,b\n2.5,a\n",
        "status,model,time\n200,a,1\n200,b,2.5\n\n200,a,2.5\n",
        '{"time": 1, "model": "a"}\n{"model": "b", "time": "2.5"}\n\n{"time": 2.5, "model": "a", "x": []}\n',
        "time,model\n1970-01-01T00:00:01Z,a\n1970-01-01T00:00:02.5,b\n1970-01-01T01:00:02.5+01:00,a\n",
    ],
    ids=["header", "plain", "columns", "json lines", "moments"],
)
def test_formats(tmp_path: Path, text: str) -> None:
    assert requests(read(tmp_path, text)) == [(1, "a"), (2.5, "b"), (2.5, "a")]


def test_a_real_log_of_triton() -> None:
    trace = read_trace(LOGS / "quiet.log")
    expected = (LOGS / "quiet.log").read_text().count("Invoking SageMaker TargetModel")
    assert len(trace) == expected > 0
    assert all(name.endswith(".tar.gz") for name in trace.names)
    assert (trace.seconds[1:] >= trace.seconds[:-1]).all()


def test_the_output_of_mme_endpoint_logs(tmp_path: Path) -> None:
    lines = [
        {"timestamp": 1767225602000, "message": "Invoking SageMaker TargetModel: b.tar.gz"},
        {"time": "2026-01-01T00:00:00+00:00", "message": "server is up"},
        {"time": "2026-01-01T00:00:01+00:00", "message": "Invoking SageMaker TargetModel: a.tar.gz"},
    ]
    found = read(tmp_path, "".join(json.dumps(line) + "\n" for line in lines))
    assert [name for _, name in requests(found)] == ["a.tar.gz", "b.tar.gz"]


def test_a_log_over_new_year(tmp_path: Path) -> None:
    line = 'I{} {} 1 sagemaker_server.cc:1] "Invoking SageMaker TargetModel: {}.tar.gz"\n'
    text = line.format("1231", "23:59:59.5", "old") + line.format("0101", "00:00:00.5", "new")
    trace = read(tmp_path, text)
    assert trace.names[trace.models[0]] == "old.tar.gz"
    assert trace.seconds[1] - trace.seconds[0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no requests"),
        ("time,model\n", "has no requests"),
        ("time,model\n2,a\n1,b\n", "row 3: time 1 is before 2 of the row above"),
        ("time,model\n1,a\nx,b\n", "row 3: 'x' is not a time"),
        ("time,model\nnan,a\n", "row 2: 'nan' is not a time"),
        ("1764500000000,a\n", "row 1: 1764500000000 is not a time in seconds"),
        ("time,model\n1,\n", "row 2: it names no model"),
        ("time,model\n1\n", "row 2: '1' has 1 columns"),
        ('{"time": 1, "model": "a"}\n{"time": 1\n', "row 2: it is not JSON"),
        ('{"time": 1, "model": "a"}\n[1]\n', "row 2: it is not a JSON object"),
        ('{"time": true, "model": "a"}\n', "row 1: True is not a time"),
        ('{"time": 1, "model": 7}\n', "row 1: it names no model"),
        ("I1121 14:46:16.9 1 server.cc:1] up\n", "has no requests"),
    ],
)
def test_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(MmeError, match=message) as refused:
        read(tmp_path, text)
    assert refused.value.hint


TIMES = st.lists(st.floats(0, 1e9).map(lambda value: round(value, 6)), min_size=1, max_size=50).map(sorted)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), times=TIMES)
def test_what_is_written_is_read(tmp_path: Path, data: st.DataObject, times: list[float]) -> None:
    models = data.draw(st.lists(NAMES, min_size=len(times), max_size=len(times)))
    trace = trace_of(times, models)
    text = io.StringIO()
    write_trace(trace, text)
    found = requests(read(tmp_path, text.getvalue()))
    assert [name for _, name in found] == models
    assert [at for at, _ in found] == pytest.approx(times, abs=1e-6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from('time,model\n1."{}:[]aI \x00é'), max_size=80))
def test_any_text_is_a_trace_or_an_error(tmp_path: Path, text: str) -> None:
    try:
        found = read(tmp_path, text)
    except MmeError:
        return
    assert len(found) > 0
    assert (found.seconds[1:] >= found.seconds[:-1]).all()
