"""The suite's options, its target, and the table of results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conformance.case import case_of
from tests.conformance.models import VERSION
from tests.conformance.target import MMS, MODELS, TRITON, Target
from tools.conformance_table import PASSED, TRITON_ONLY, Row, Run, markdown

if TYPE_CHECKING:
    from tests.conformance.local_runtime import Container, LocalRuntime

_ROW = "conformance_row"
_ABOUT = "conformance_about"
_CONTAINER = "conformance_container"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the suite, if it is named on the command line: ``pytest tests/conformance ...``."""
    group = parser.getgroup("conformance", "the conformance suite of multi-model endpoints")
    group.addoption("--endpoint-name", help="ask this deployed endpoint instead of the local endpoint")
    group.addoption("--model-bucket", help="of the endpoint's models (default: as its model says)")
    group.addoption("--model-prefix", help="of the endpoint's models, ending in / (default: likewise)")
    group.addoption(
        "--container", choices=tuple(MODELS), help="of the endpoint (default: triton; locally both)"
    )
    group.addoption("--triton-version", help="of the endpoint's Triton, such as 2.69.0 (default: found out)")
    group.addoption("--conformance-json", type=Path, help="write the table there as JSON")
    group.addoption("--conformance-markdown", type=Path, help="write the table there as markdown")


def _option(config: pytest.Config, name: str) -> str | None:
    value: str | None = config.getoption(name, default=None)
    return value


@dataclass(frozen=True)
class Asked:
    """The target, the version of its container, and the runtime if it is local."""

    target: Target
    version: str | None
    local: LocalRuntime | None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a case on each container that it is about; those of the Multi Model Server nightly."""
    case = case_of(metafunc.function)
    if case is None:
        return
    named = _option(metafunc.config, "container")
    live = _option(metafunc.config, "endpoint_name")
    if named or live:
        only = (named or TRITON) == MMS and case.triton_only
        marks = [pytest.mark.skip(reason=f"{TRITON_ONLY}: {only}")] if only else []
        containers = [pytest.param(named or TRITON, marks=marks)]
    else:
        containers = [pytest.param(TRITON)]
        if not case.triton_only:
            containers.append(pytest.param(MMS, marks=pytest.mark.nightly))
    metafunc.parametrize("asked", containers, indirect=True, scope="session")


@pytest.fixture(scope="session")
def local_runtime() -> Iterator[LocalRuntime]:
    """The local endpoint of the session."""
    from mme_local.testing.endpoint import missing

    reason = missing()
    if reason:
        pytest.skip(f"Triton can't run here: {reason}")
    from tests.conformance.local_runtime import LocalRuntime

    local = LocalRuntime()
    yield local
    local.stop()


@pytest.fixture(scope="session")
def asked(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Iterator[Asked]:
    """The endpoint of a container."""
    container: str = request.param
    name = _option(pytestconfig, "endpoint_name")
    version = _option(pytestconfig, "triton_version")
    if name:
        bucket, prefix = _option(pytestconfig, "model_bucket"), _option(pytestconfig, "model_prefix")
        if prefix and not prefix.endswith("/"):
            raise pytest.UsageError(f"--model-prefix {prefix!r} must end in /")
        target = Target.deployed(name, bucket, prefix, container)
        try:
            if container == TRITON:
                version = version or _version_by_a_model(target)
            yield Asked(target, version, None)
        finally:
            target.clean()
        return
    if container == MMS:
        version = _installed_mms()
    local: LocalRuntime = request.getfixturevalue("local_runtime")
    target = local.target(container)
    yield Asked(target, version or local.triton_version(), local)


def _installed_mms() -> str:
    from mme.errors import MmeError
    from mme_local.containers.mms.installation import MmsInstallation

    try:
        return MmsInstallation.find().version
    except MmeError as error:
        pytest.skip(str(error))


def _version_by_a_model(target: Target) -> str | None:
    """From the environment variable of NVIDIA's images; None without it."""
    (version,) = target.call(target.publish("version", VERSION)).tensor("Y")
    return str(version) or None


@pytest.fixture(autouse=True)
def _where_it_can_run(request: pytest.FixtureRequest) -> None:
    case = case_of(getattr(request.node, "function", None))
    if case is None:
        return
    live = _option(request.config, "endpoint_name")
    asked: Asked = request.getfixturevalue("asked")
    where = f"endpoint {live}" if live else "the local endpoint"
    about = (where, asked.target.container, asked.version or "unknown")
    request.node.user_properties.append((_ABOUT, about))
    lacking = case.triton.lacking(asked.version) if asked.target.container == TRITON else None
    if lacking:
        pytest.skip(lacking)


@pytest.fixture
def target(asked: Asked) -> Target:
    """The endpoint that every case asks."""
    return asked.target


@pytest.fixture(scope="session")
def double(asked: Asked) -> str:
    """A published model that doubles its number, for cases that need any: a load takes time and memory."""
    return asked.target.publish("double", asked.target.models.times(2))


@pytest.fixture
def local(asked: Asked) -> LocalRuntime:
    """The local endpoint, for cases that are local only."""
    assert asked.local, "a case that uses the local endpoint needs local_only"
    return asked.local


@pytest.fixture
def fresh(asked: Asked) -> Iterator[Target]:
    """An endpoint without loaded models; a live endpoint is used as it is."""
    if asked.local is None:
        yield asked.target
        return
    endpoint, target = asked.local.fresh(asked.target.container)
    yield target
    endpoint.delete()


@pytest.fixture
def flagged(local: LocalRuntime) -> Iterator[Callable[..., Target]]:
    """Makes endpoints whose Triton has flags of the case's own."""
    made = []

    def make(*flags: str) -> Target:
        endpoint, target = local.fresh(TRITON, *flags)
        made.append(endpoint)
        return target

    yield make
    for endpoint in made:
        endpoint.delete()


@pytest.fixture(scope="session")
def container(asked: Asked) -> Iterator[Container]:
    """The container of an endpoint that no other case uses."""
    assert asked.local, "a case that asks the container itself needs local_only"
    endpoint, target = asked.local.fresh(asked.target.container)
    yield asked.local.container(target)
    endpoint.delete()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every report of a case has its row; what can't run live skips before any fixture starts a thing."""
    live = _option(config, "endpoint_name")
    for item in items:
        function = getattr(item, "function", None)
        case = case_of(function)
        if case is not None and function is not None:
            # plain data, so that it also comes through from pytest-xdist's workers
            item.user_properties.append((_ROW, asdict(case.row(function))))
            item.user_properties.append((_CONTAINER, item.callspec.params["asked"]))  # type: ignore[attr-defined]
            if live and case.local_only:
                item.add_marker(pytest.mark.skip(reason=f"local only: {case.local_only}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table, if any case was selected."""
    run = _run_of(terminalreporter)
    if run is None:
        return
    terminalreporter.section("conformance")
    width = max(len(row.title) for row in run.rows)
    for row in run.rows:
        results = [result for result in (row.on_triton, row.on_mms) if result]
        good = {"green": set(results) == {PASSED}, "red": "failed" in results}
        terminalreporter.write_line(f"{row.area:12} {row.title:{width}}  {' | '.join(results)}", **good)
    terminalreporter.write_line(run.summary)
    for option, text in (("conformance_json", run.dump()), ("conformance_markdown", markdown(run))):
        path: Path | None = config.getoption(option, default=None)
        if path is not None:
            path.write_text(text, "utf-8")
            terminalreporter.write_line(f"written to {path}")


def _run_of(terminalreporter: pytest.TerminalReporter) -> Run | None:
    rows: dict[tuple[str, int], Row] = {}
    where, versions = "nothing", {TRITON: "unknown", MMS: "unknown"}
    for outcome in ("passed", "skipped", "error", "failed"):  # the worst is what stays
        for report in terminalreporter.stats.get(outcome, ()):
            properties = dict(getattr(report, "user_properties", ()))
            if _ROW not in properties:
                continue
            if _ABOUT in properties:
                where, container, version = properties[_ABOUT]
                versions[container] = version
            place = report.location[:2]
            row = rows.get(place) or Row(**properties[_ROW])
            rows[place] = replace(row, **{f"on_{properties[_CONTAINER]}": _result(outcome, report)})
    return Run(where, **versions, rows=tuple(rows[place] for place in sorted(rows))) if rows else None


def _result(outcome: str, report: pytest.TestReport) -> str:
    if outcome == "skipped" and isinstance(report.longrepr, tuple):
        return f"skipped: {report.longrepr[2].removeprefix('Skipped: ')}"
    return "failed" if outcome == "error" else outcome
