"""The doctor on embedded AWS: a good deployment, and each fault with its finding and hint."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from mme.aws.clients import AwsClients
from mme.findings import Finding, Severity
from mme.operate.discovery import Deployment, discover
from mme.operate.doctor import examine
from mme.operate.doctor.account import check_quotas
from mme.operate.doctor.bucket import check_bucket
from mme.operate.doctor.context import DoctorContext
from mme.operate.doctor.deployment import check_endpoint
from mme.operate.doctor.examination import CHECKS
from mme.operate.doctor.image import check_image
from mme.operate.doctor.recent_errors import check_recent_errors
from tests.operate.deployment import DEPLOYMENT, deny, put_log
from tests.operate.doctor.conftest import deployed, messages
from tools.sample_deployment import BUCKET, ENDPOINT, IMAGE, STACK, deploy, serving_template, update_by_hand

LOG = (Path(__file__).parents[1] / "triton_logs" / "quiet.log").read_text().splitlines()


class Listener:
    def __init__(self) -> None:
        self.checks: list[str] = []
        self.archives: list[tuple[int, int]] = []

    def finished(self, check: str, findings: list[Finding]) -> None:
        self.checks.append(check)

    def advanced(self, done: int, total: int) -> None:
        self.archives.append((done, total))


def test_without_credentials_there_are_no_other_checks(clients: AwsClients) -> None:
    deny(clients.sts, "GetCallerIdentity", code="ExpiredToken")
    listener = Listener()
    found = examine(clients, lambda: pytest.fail("the stack is not looked up"), listener)
    assert (found[0].code, found[0].severity) == ("credentials", Severity.ERROR)
    assert found[0].message == "the AWS credentials have expired"
    assert found[0].hint == "sign in again: aws sso login"
    assert {one.severity for one in found[1:]} == {Severity.SKIPPED}
    assert sorted(listener.checks) == sorted(CHECKS)


def test_no_stack(clients: AwsClients) -> None:
    found = examine(clients, lambda: discover(clients.cloudformation, STACK, "dev"), Listener())
    (stack,) = [one for one in found if one.severity is Severity.ERROR]
    assert stack.code == "stack"
    assert "environment dev is not deployed there" in stack.message
    assert "cdk deploy -c env=dev" in stack.hint


def test_an_examination_of_all(context: DoctorContext) -> None:
    listener = Listener()
    found = examine(context.clients, lambda: DEPLOYMENT, listener, most_archives=0)
    assert list(dict.fromkeys(one.code for one in found)) == list(CHECKS)
    by_check = {one.code: one for one in found}
    for check in ("credentials", "stack", "endpoint", "bucket", "role"):
        assert by_check[check].severity is Severity.OK, by_check[check]
    # At a URL of this machine nothing pulls images, and nothing has quotas.
    assert by_check["image"].severity is Severity.SKIPPED
    assert by_check["quotas"].severity is Severity.SKIPPED
    assert by_check["log"].message == "mme-dev has not written a log yet"
    assert by_check["archives"].message == "1 older archives were not read"


def test_a_denied_check_is_reported_as_skipped(context: DoctorContext) -> None:
    deny(context.clients.iam, "GetRole")
    found = examine(context.clients, lambda: DEPLOYMENT, Listener(), most_archives=0)
    (role,) = [one for one in found if one.code == "role"]
    assert (role.severity, role.message) == (Severity.SKIPPED, "GetRole is denied: no")


def test_drift_has_a_hint_to_its_cause(context: DoctorContext) -> None:
    update_by_hand(context.clients, "by-hand")
    (found,) = check_endpoint(context)
    assert found.severity is Severity.ERROR
    assert found.hint.startswith("see why it was rolled back: mme endpoint logs --errors")


def test_an_empty_bucket_an_open_one_and_strange_objects(context: DoctorContext) -> None:
    s3 = context.clients.s3
    s3.delete_object(Bucket=BUCKET, Key="models/a_v0.tar.gz")
    s3.delete_public_access_block(Bucket=BUCKET)
    for key in ("models/readme.txt", "models/folder/", "models/x.zip"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    found = list(check_bucket(context))
    assert messages(found, Severity.WARNING) == [
        "the bucket models does not block all public access",
        "2 objects under models/ are not archives: readme.txt, x.zip",
        "s3://models/models/ has no models",
    ]
    assert found[-1].hint == "mme models add PATH"


@pytest.mark.parametrize(
    ("rule", "good"),
    [
        (
            {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}, "Filter": {"Prefix": "models/"}},
            True,
        ),
        (
            {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}, "Filter": {"Prefix": "logs/"}},
            False,
        ),
        ({"Expiration": {"Days": 7}, "Filter": {"Prefix": "other/"}}, False),
        (None, False),
    ],
)
def test_a_bucket_without_a_rule_that_aborts_incomplete_uploads(
    context: DoctorContext, rule: Any, good: bool
) -> None:
    s3 = context.clients.s3
    s3.delete_bucket_lifecycle(Bucket=BUCKET)
    if rule is not None:
        rules: Any = [{"ID": "rule", "Status": "Enabled", **rule}]
        s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": rules})
    expected = "the bucket models has no lifecycle rule that aborts incomplete multipart uploads"
    assert messages(list(check_bucket(context)), Severity.WARNING) == ([] if good else [expected])
    deny(s3, "GetBucketLifecycleConfiguration")
    assert messages(list(check_bucket(context)), Severity.WARNING) == []


def test_a_missing_bucket(context: DoctorContext) -> None:
    gone = replace(context, deployment=Deployment(STACK, ENDPOINT, "gone", "models/"))
    assert messages(list(check_bucket(gone)), Severity.ERROR) == ["the bucket gone does not exist"]


def test_a_bucket_of_another_region(context: DoctorContext) -> None:
    context.clients.s3.create_bucket(
        Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    far = DoctorContext(
        context.clients, Deployment(STACK, ENDPOINT, "far", "models/"), context.endpoint, "", False
    )
    assert messages(list(check_bucket(far)), Severity.ERROR) == [
        "the bucket is in eu-west-1, the endpoint in us-east-1"
    ]


def image_finding(context: DoctorContext, **answer: Any) -> Finding:
    ecr = context.clients.ecr("us-east-1")
    with Stubber(ecr) as stubber:
        if "error" in answer:
            stubber.add_client_error("batch_get_image", answer["error"])
        else:
            stubber.add_response("batch_get_image", answer)
        return list(check_image(context))[-1]


def test_the_image_is_asked_for_as_a_pull_would(context: DoctorContext) -> None:
    good = image_finding(context, images=[{"repositoryName": "sagemaker-tritonserver"}])
    assert good.severity is Severity.OK
    assert good.message == "sagemaker-tritonserver:26.05-py3-cpu is in us-east-1"
    absent = image_finding(context, images=[], failures=[{"failureCode": "ImageNotFound"}])
    assert absent.severity is Severity.ERROR
    assert "account 763104351884 has no image 26.05-py3-cpu" in absent.message
    nowhere = image_finding(context, error="RepositoryNotFoundException")
    assert nowhere.severity is Severity.ERROR
    denied = image_finding(context, error="AccessDeniedException")
    assert denied.severity is Severity.SKIPPED
    assert "ECR denies to look up" in denied.message


def test_an_image_of_another_region(clients: AwsClients) -> None:
    context = deployed(clients, image=IMAGE.replace("us-east-1", "eu-west-1"))
    (found,) = check_image(context)
    assert found.severity is Severity.ERROR
    assert "is in eu-west-1, the endpoint in us-east-1" in found.message


def test_an_old_triton_is_warned_about(clients: AwsClients) -> None:
    context = deployed(clients, image=IMAGE.replace("26.05", "25.09"))
    warning = next(iter(check_image(context)))
    assert warning.severity is Severity.WARNING
    assert "does not confine a model's paths" in warning.message


@pytest.mark.parametrize(
    ("limit", "severity", "words"),
    [
        (3, Severity.ERROR, "may scale to 4 ml.m5.xlarge, but the account's quota is 3"),
        (6, Severity.WARNING, "but not for a blue/green update"),
        (8, Severity.OK, "4 ml.m5.xlarge, of 8 in the account"),
        (None, Severity.SKIPPED, "has no limit on ml.m5.xlarge"),
    ],
)
def test_quotas(context: DoctorContext, limit: float | None, severity: Severity, words: str) -> None:
    limits = {"ml.g5.xlarge": 1} | ({} if limit is None else {"ml.m5.xlarge": limit})
    quotas = [
        {"QuotaName": f"{kind} for endpoint usage", "QuotaCode": f"L-{kind[3:5]}", "Value": float(value)}
        for kind, value in limits.items()
    ]
    with Stubber(context.clients.quotas) as stubber:
        stubber.add_response("list_service_quotas", {"Quotas": quotas})
        (found,) = check_quotas(context)
    assert found.severity is severity
    assert words in found.message
    if severity in (Severity.ERROR, Severity.WARNING):
        assert "request-service-quota-increase" in found.hint
        assert "--quota-code L-m5 --desired-value 8" in found.hint


def test_other_endpoints_count_against_the_quota(context: DoctorContext) -> None:
    deploy(context.clients, serving_template(endpoint="neighbour"), "neighbour-serving")
    quota: Any = {"QuotaName": "ml.m5.xlarge for endpoint usage", "QuotaCode": "L-1", "Value": 8.0}
    with Stubber(context.clients.quotas) as stubber:
        stubber.add_response("list_service_quotas", {"Quotas": [quota]})
        (found,) = check_quotas(context)
    assert found.message == (
        "the account's 8 ml.m5.xlarge are enough for 4, and other endpoints have 1, "
        "but not for a blue/green update"
    )
    assert found.hint.endswith("--desired-value 9")


def test_the_local_runtime_has_neither_quotas_nor_images(context: DoctorContext) -> None:
    local = DoctorContext(context.clients, DEPLOYMENT, context.endpoint, "", local=True)
    assert {one.severity for one in [*check_quotas(local), *check_image(local)]} == {Severity.SKIPPED}


def test_the_last_hours_errors_are_explained(context: DoctorContext) -> None:
    now = datetime.now(UTC)
    put_log(
        context.clients,
        "AllTraffic/i-1",
        [(now - timedelta(minutes=9) + timedelta(milliseconds=n), text) for n, text in enumerate(LOG)],
    )
    found = list(check_recent_errors(context))
    assert [(one.severity, one.message) for one in found] == [
        (Severity.WARNING, found[0].message),
        (
            Severity.ERROR,
            "broken_v0.tar.gz did not load (once): ModuleNotFoundError: No module named "
            "'nothing_of_that_name' (1/model.py line 1)",
        ),
        (Severity.ERROR, "config_v0.tar.gz did not load (once): the container has no backend nosuch"),
        (Severity.WARNING, found[3].message),
    ]
    assert found[0].message.startswith(
        "memory_v0.tar.gz did not load (twice): MemoryError: CUDA out of memory"
    )
    assert found[0].hint == "mme endpoint logs --model memory_v0.tar.gz --errors"
    assert found[3].message.startswith("alpha_v0.tar.gz failed (once): ValueError: negative (1/model.py line")
    assert found[2].hint.startswith("use an image that has it; the local endpoint has python, onnxruntime")
    assert next(iter(check_recent_errors(context, now + timedelta(hours=2)))).severity is Severity.OK


def test_a_model_whose_process_died_is_reported(context: DoctorContext) -> None:
    line = "E1121 14:32:31.646224 7 model.cc:9] \"Stub process 'churn_v0.tar.gz_0' is not healthy.\""
    put_log(context.clients, "AllTraffic/i-1", [(datetime.now(UTC) - timedelta(minutes=1), line)])
    (found,) = check_recent_errors(context)
    assert found.severity is Severity.WARNING
    assert found.message == "churn_v0.tar.gz failed (once): the process that runs it has ended"
    assert found.hint.startswith("it crashed or was killed, often out of memory: see mme endpoint logs")


def test_a_listener_that_ends_the_examination_ends_it(context: DoctorContext) -> None:
    class Impatient(Listener):
        def finished(self, check: str, findings: list[Finding]) -> None:
            if check not in ("credentials",):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        examine(context.clients, lambda: DEPLOYMENT, Impatient())
