"""Prod has no findings under five packs, and the security pages match its templates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mme.errors import MmeError
from tools import security_report
from tools.security.packs import PACKS
from tools.security.policies import Policies
from tools.security.purposes import PURPOSES
from tools.security.synthesis import queued, templates
from tools.security_report import COMPLIANCE, SECURITY, Report, filled


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return Report(tmp_path_factory.mktemp("report"))


def test_the_packs_find_nothing_on_prod_that_is_not_accepted_with_a_reason(report: Report) -> None:
    assert report.review.left == ()
    assert report.faults() == []
    # Nothing to accept at all would mean that nothing was looked at.
    assert {one.pack for one in report.review.findings} == set(PACKS) - {"Serverless"}
    assert all(report.review.reasons(one) for one in report.review.findings)


def test_nor_on_prod_with_a_queue(report: Report) -> None:
    assert report.queue_review.left == ()
    assert {one.pack for one in report.queue_review.findings} == set(PACKS)
    assert all(report.queue_review.reasons(one) for one in report.queue_review.findings)
    queue = report.queue_review.below("prod-queue/Serving/Async")
    assert len(queue.findings) == len(report.queue_review.findings) - len(report.review.findings)


def test_a_queue_changes_no_right_of_the_endpoints_role(report: Report, tmp_path: Path) -> None:
    files = templates(tmp_path, (queued(),))
    with_queue = [
        replace(one, resources=tuple(each.replace("mme-prod-queue", "mme-prod") for each in one.resources))
        for one in Policies.of_files(files).permissions()
        if not one.holder.startswith("Async")
    ]
    assert with_queue == report.permissions


def test_exceptions_are_at_the_construct_that_causes_them(report: Report) -> None:
    """On a whole stack or app it would cover what comes later."""
    for one in report.review.acceptances:
        (covered,) = {found.path for found in report.review.findings if one.covers(found)}
        _stage, _stack, *constructs = one.path.split("/")
        assert constructs, one
        # The construct itself or the resource in it; a role's rights lie in a policy beneath it.
        assert covered.removeprefix(one.path) in {"", "/Resource", "/Rights/Resource"}


@pytest.mark.parametrize("page", [SECURITY, COMPLIANCE], ids=lambda page: page.name)
def test_the_page_is_in_step(report: Report, page: Path) -> None:
    assert report.pages()[page] == page.read_text("utf-8"), "run make security-docs"


def test_every_role_and_right_of_prod_is_on_the_page(report: Report) -> None:
    """By the templates as CloudFormation gets them, not by what the tables are made from."""
    text = SECURITY.read_text("utf-8")
    assert {one.holder for one in report.permissions if one.kind == "AWS::IAM::Role"} == {"EndpointRole"}
    assert {one.holder for one in report.queue if one.kind == "AWS::IAM::Role"} == {"AsyncConsumerRole"}
    for one in [*report.permissions, *report.queue]:
        assert f"### {one.holder} (" in text
        assert f"`{one.action}`" in text


def test_every_purpose_is_used(report: Report) -> None:
    explained = [*report.permissions, *report.queue, *report.pipeline, *report.tenants]
    for purpose in PURPOSES:
        assert any(purpose.explains(one) for one in explained), purpose


PAGE = "a\n<!-- begin x (made) -->\n\nold\n\n<!-- end x -->\nb\n<!-- begin y (made) -->\n<!-- end y -->\n"


def test_a_table_is_put_between_its_comments_and_nowhere_else() -> None:
    page = filled(PAGE, {"x": r"new \1", "y": "other"})
    assert page == (
        "a\n<!-- begin x (made) -->\n\nnew \\1\n\n<!-- end x -->\nb\n"
        "<!-- begin y (made) -->\n\nother\n\n<!-- end y -->\n"
    )
    assert filled(page, {"x": r"new \1", "y": "other"}) == page


@pytest.mark.parametrize(("page", "places"), [("no place", 0), (PAGE + PAGE, 2)])
def test_a_page_with_no_place_for_a_table_or_with_two(page: str, places: int) -> None:
    with pytest.raises(MmeError, match=rf"the page has {places} places for the table x"):
        filled(page, {"x": "new"})


@pytest.mark.parametrize("fault", ["", "HIPAA.Security-X at prod/Y: fix it"])
def test_the_pages_are_written_and_faults_set_the_status(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "security.md"
    monkeypatch.setattr(Report, "faults", lambda _: [fault] if fault else [])
    monkeypatch.setattr(Report, "pages", lambda _: {page: "new"})
    assert security_report.main() == bool(fault)
    assert page.read_text() == "new"
    assert capsys.readouterr().err == (f"error: {fault}\n" if fault else "")


def test_an_unexplained_permission_is_reported_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unexplained(_: Report) -> list[str]:
        raise MmeError("Role may x:Y and no purpose explains it", hint="remove it")

    monkeypatch.setattr(Report, "faults", unexplained)
    assert security_report.main() == 1
    assert capsys.readouterr().err == "error: Role may x:Y and no purpose explains it\nremove it\n"


def test_a_missing_reason_is_a_fault(report: Report) -> None:
    unsaid = Report(report.folder)
    unsaid.__dict__["review"] = report.review
    unsaid.__dict__["queue_review"] = report.queue_review
    unsaid.__dict__["queue_exemptions"] = []
    unsaid.__dict__["exemptions"] = [replace(report.exemptions[0], reason="")]
    (fault,) = unsaid.faults()
    assert fault.endswith("is acknowledged without a reason")
