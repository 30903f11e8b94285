"""The doctor on embedded AWS: a sound deployment, and each illness with its finding and its cure."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.stub import Stubber

from mme.archives import Explanation
from mme.archives.findings import Finding as ArchiveFinding
from mme.errors import MmeError
from mme.operate.clients import AwsClients
from mme.operate.discovery import Deployment, discover
from mme.operate.doctor import Finding, Severity, examine
from mme.operate.doctor.account import check_quotas
from mme.operate.doctor.archive_check import check_archives
from mme.operate.doctor.bucket import check_bucket
from mme.operate.doctor.deployment_check import check_endpoint
from mme.operate.doctor.examination import CHECKS
from mme.operate.doctor.finding import Patient
from mme.operate.doctor.image import check_image
from mme.operate.doctor.recent_errors import check_recent_errors
from mme.operate.doctor.role import check_role
from mme.operate.endpoint_state import read_endpoint
from tests.operate.deployment import (
    BUCKET,
    DEPLOYMENT,
    ENDPOINT,
    IMAGE,
    STACK,
    deny,
    deploy,
    put_log,
    serving_template,
)

LOG = (Path(__file__).parents[1] / "triton_logs" / "quiet.log").read_text().splitlines()


class Listener:
    def __init__(self) -> None:
        self.checks: list[str] = []
        self.archives: list[tuple[int, int]] = []

    def finished(self, check: str, findings: list[Finding]) -> None:
        self.checks.append(check)

    def advanced(self, done: int, total: int) -> None:
        self.archives.append((done, total))


@pytest.fixture
def patient(clients: AwsClients) -> Patient:
    return admitted(clients)


def admitted(clients: AwsClients, **changes: Any) -> Patient:
    """A deployment with its role and one model."""
    if BUCKET not in {bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"]}:
        clients.s3.create_bucket(Bucket=BUCKET)
        clients.s3.put_public_access_block(
            Bucket=BUCKET,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        clients.s3.put_object(Bucket=BUCKET, Key="models/a_v0.tar.gz", Body=b"")
    deploy(clients, serving_template(**changes))
    # The embedded IAM knows no simulation, and answers so as a server that fell over.
    deny(clients.iam, "SimulatePrincipalPolicy")
    endpoint = read_endpoint(clients.sagemaker, ENDPOINT)
    model = clients.sagemaker.describe_model(ModelName=endpoint.variants[0].model)
    return Patient(clients, DEPLOYMENT, endpoint, model["ExecutionRoleArn"], local=False)


def told(findings: list[Finding], severity: Severity) -> list[str]:
    return [one.message for one in findings if one.severity is severity]


def test_no_credentials_and_nothing_else_is_asked(clients: AwsClients) -> None:
    deny(clients.sts, "GetCallerIdentity", code="ExpiredToken")
    listener = Listener()
    found = examine(clients, lambda: pytest.fail("the stack is not looked up"), listener)
    assert (found[0].check, found[0].severity) == ("credentials", Severity.ERROR)
    assert found[0].message == "the AWS credentials have expired"
    assert found[0].next == "sign in again: aws sso login"
    assert {one.severity for one in found[1:]} == {Severity.SKIPPED}
    assert sorted(listener.checks) == sorted(CHECKS)


def test_no_stack(clients: AwsClients) -> None:
    found = examine(clients, lambda: discover(clients.cloudformation, STACK, "dev"), Listener())
    (stack,) = [one for one in found if one.severity is Severity.ERROR]
    assert stack.check == "stack"
    assert "environment dev is not deployed there" in stack.message
    assert "cdk deploy -c env=dev" in stack.next


def test_an_examination_of_all(patient: Patient) -> None:
    listener = Listener()
    found = examine(patient.clients, lambda: DEPLOYMENT, listener, most_archives=0)
    assert list(dict.fromkeys(one.check for one in found)) == list(CHECKS)
    by_check = {one.check: one for one in found}
    for check in ("credentials", "stack", "endpoint", "bucket", "role"):
        assert by_check[check].severity is Severity.OK, by_check[check]
    # At a URL of this machine nothing pulls images, and nothing has quotas.
    assert by_check["image"].severity is Severity.SKIPPED
    assert by_check["quotas"].severity is Severity.SKIPPED
    assert by_check["log"].message == "mme-dev has written no log yet"
    assert by_check["archives"].message == "1 older archives were not read"


def test_a_check_that_is_denied_is_skipped_and_says_so(patient: Patient) -> None:
    deny(patient.clients.iam, "GetRole")
    found = examine(patient.clients, lambda: DEPLOYMENT, Listener(), most_archives=0)
    (role,) = [one for one in found if one.check == "role"]
    assert (role.severity, role.message) == (Severity.SKIPPED, "GetRole is denied: no")


def test_drift_comes_with_the_way_to_its_cause(patient: Patient) -> None:
    clients = patient.clients
    config = clients.sagemaker.describe_endpoint_config(EndpointConfigName=patient.endpoint.config)
    clients.sagemaker.create_endpoint_config(
        EndpointConfigName="by-hand", ProductionVariants=config["ProductionVariants"]
    )
    clients.sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="by-hand")
    (found,) = check_endpoint(patient)
    assert found.severity is Severity.ERROR
    assert found.next.startswith("see why it was rolled back: mme endpoint logs --errors")


def test_an_empty_bucket_an_open_one_and_strange_objects(patient: Patient) -> None:
    s3 = patient.clients.s3
    s3.delete_object(Bucket=BUCKET, Key="models/a_v0.tar.gz")
    s3.delete_public_access_block(Bucket=BUCKET)
    for key in ("models/readme.txt", "models/folder/", "models/x.zip"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    found = check_bucket(patient)
    assert told(found, Severity.WARNING) == [
        "the bucket models does not block all public access",
        "2 objects under models/ are no archives: readme.txt, x.zip",
        "s3://models/models/ holds no model",
    ]
    assert found[-1].next == "mme models add PATH"


def test_a_bucket_that_is_gone(patient: Patient) -> None:
    gone = Patient(
        patient.clients, Deployment(STACK, ENDPOINT, "gone", "models/"), patient.endpoint, "", False
    )
    assert told(check_bucket(gone), Severity.ERROR) == ["the bucket gone does not exist"]


def test_a_bucket_of_another_region(patient: Patient) -> None:
    patient.clients.s3.create_bucket(
        Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    far = Patient(patient.clients, Deployment(STACK, ENDPOINT, "far", "models/"), patient.endpoint, "", False)
    assert told(check_bucket(far), Severity.ERROR) == [
        "the bucket is in eu-west-1, the endpoint in us-east-1"
    ]


def simulated(patient: Patient, *decisions: str) -> list[Finding]:
    """The role's findings where IAM answers its simulation so."""
    iam = patient.clients.iam
    role = iam.get_role(RoleName=patient.role_arn.rpartition("/")[2])
    with Stubber(iam) as stubber:
        trust = json.dumps(role["Role"]["AssumeRolePolicyDocument"])
        stubber.add_response("get_role", {"Role": {**role["Role"], "AssumeRolePolicyDocument": trust}})
        for decision, action in zip(decisions, ("s3:GetObject", "s3:ListBucket"), strict=True):
            result = {"EvalActionName": action, "EvalDecision": decision}
            stubber.add_response("simulate_principal_policy", {"EvaluationResults": [result]})
        return check_role(patient)


def test_the_role_by_iams_simulation(patient: Patient) -> None:
    (good,) = simulated(patient, "allowed", "allowed")
    assert good.severity is Severity.OK
    assert "IAM's simulation says" in good.message
    bad = simulated(patient, "explicitDeny", "implicitDeny")
    assert [one.severity for one in bad] == [Severity.ERROR] * 2
    assert "reads models: explicitly denied (IAM's simulation says)" in bad[0].message
    assert "lists models: not allowed" in bad[1].message


def test_the_role_by_its_policies_where_the_simulation_is_denied(patient: Patient) -> None:
    (good,) = check_role(patient)
    assert good.severity is Severity.OK
    assert "its own policies say; IAM's simulation can't be asked" in good.message
    name = patient.role_arn.rpartition("/")[2]
    document = {"Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}/*"}}
    policy = patient.clients.iam.create_policy(
        PolicyName="No", PolicyDocument=json.dumps({"Version": "2012-10-17", **document})
    )
    patient.clients.iam.attach_role_policy(RoleName=name, PolicyArn=policy["Policy"]["Arn"])
    (bad,) = check_role(patient)
    assert "reads models: explicitly denied" in bad.message


def encrypt(patient: Patient, key: str) -> None:
    by_key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    patient.clients.s3.put_bucket_encryption(
        Bucket=BUCKET,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": by_key}]},
    )


@pytest.mark.parametrize("named", ["arn:aws:kms:us-east-1:123456789012:key/ours", "ours"])
def test_a_role_that_may_not_decrypt_with_the_buckets_key(patient: Patient, named: str) -> None:
    encrypt(patient, named)
    (bad,) = check_role(patient)
    # The key's own policy may say more than the role's.
    assert bad.severity is Severity.WARNING
    assert "decrypts models: not allowed" in bad.message
    assert "encryption_key" in bad.next
    name = patient.role_arn.rpartition("/")[2]
    for effect, severity in (("Allow", Severity.OK), ("Deny", Severity.ERROR)):
        statement = {
            "Effect": effect,
            "Action": "kms:Decrypt",
            "Resource": "arn:aws:kms:us-east-1:123456789012:key/ours",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        patient.clients.iam.put_role_policy(RoleName=name, PolicyName="Key", PolicyDocument=document)
        (found,) = check_role(patient)
        assert found.severity is severity, found


@pytest.mark.parametrize(
    "code", ["AccessDenied", "NoSuchBucket", "ServerSideEncryptionConfigurationNotFoundError"]
)
def test_a_key_that_cannot_be_told_is_not_asked_for(patient: Patient, code: str) -> None:
    encrypt(patient, "arn:aws:kms:us-east-1:123456789012:key/ours")
    deny(patient.clients.s3, "GetBucketEncryption", code=code)
    assert [one.severity for one in check_role(patient)] == [Severity.OK]


@pytest.mark.parametrize("named", ["alias/ours", "arn:aws:kms:us-east-1:123456789012:alias/ours"])
def test_an_alias_of_a_key_is_not_taken_for_a_key(patient: Patient, named: str) -> None:
    encrypt(patient, named)
    assert [one.severity for one in check_role(patient)] == [Severity.OK]


def test_a_role_that_is_gone_or_trusts_others(patient: Patient) -> None:
    gone = Patient(
        patient.clients, DEPLOYMENT, patient.endpoint, "arn:aws:iam::123456789012:role/gone", False
    )
    assert "role gone does not exist" in check_role(gone)[0].message
    name = patient.role_arn.rpartition("/")[2]
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
        ],
    }
    patient.clients.iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    assert "does not trust sagemaker.amazonaws.com" in check_role(patient)[0].message


def image_finding(patient: Patient, **answer: Any) -> Finding:
    ecr = patient.clients.ecr("us-east-1")
    with Stubber(ecr) as stubber:
        if "error" in answer:
            stubber.add_client_error("batch_get_image", answer["error"])
        else:
            stubber.add_response("batch_get_image", answer)
        return check_image(patient)[-1]


def test_the_image_is_asked_for_as_a_pull_would(patient: Patient) -> None:
    good = image_finding(patient, images=[{"repositoryName": "sagemaker-tritonserver"}])
    assert good.severity is Severity.OK
    assert good.message == "sagemaker-tritonserver:26.05-py3-cpu is in us-east-1"
    absent = image_finding(patient, images=[], failures=[{"failureCode": "ImageNotFound"}])
    assert absent.severity is Severity.ERROR
    assert "account 763104351884 has no image 26.05-py3-cpu" in absent.message
    nowhere = image_finding(patient, error="RepositoryNotFoundException")
    assert nowhere.severity is Severity.ERROR
    denied = image_finding(patient, error="AccessDeniedException")
    assert denied.severity is Severity.SKIPPED
    assert "ECR may not be asked" in denied.message


def test_an_image_of_another_region(clients: AwsClients) -> None:
    patient = admitted(clients, image=IMAGE.replace("us-east-1", "eu-west-1"))
    (found,) = check_image(patient)
    assert found.severity is Severity.ERROR
    assert "is in eu-west-1, the endpoint in us-east-1" in found.message


def test_an_old_triton_is_warned_about(clients: AwsClients) -> None:
    patient = admitted(clients, image=IMAGE.replace("26.05", "25.09"))
    warning = check_image(patient)[0]
    assert warning.severity is Severity.WARNING
    assert "does not confine a model's paths" in warning.message


@pytest.mark.parametrize(
    ("limit", "severity", "words"),
    [
        (3, Severity.ERROR, "may grow to 4 ml.m5.xlarge, and the account may have 3"),
        (6, Severity.WARNING, "but not twice as a blue/green update needs"),
        (8, Severity.OK, "4 ml.m5.xlarge, of 8 in the account"),
        (None, Severity.SKIPPED, "names no limit on ml.m5.xlarge"),
    ],
)
def test_quotas(patient: Patient, limit: float | None, severity: Severity, words: str) -> None:
    limits = {"ml.g5.xlarge": 1} | ({} if limit is None else {"ml.m5.xlarge": limit})
    quotas = [
        {"QuotaName": f"{kind} for endpoint usage", "QuotaCode": f"L-{kind[3:5]}", "Value": float(value)}
        for kind, value in limits.items()
    ]
    with Stubber(patient.clients.quotas) as stubber:
        stubber.add_response("list_service_quotas", {"Quotas": quotas})
        (found,) = check_quotas(patient)
    assert found.severity is severity
    assert words in found.message
    if severity in (Severity.ERROR, Severity.WARNING):
        assert "request-service-quota-increase" in found.next
        assert "--quota-code L-m5 --desired-value 8" in found.next


def test_the_local_runtime_has_neither_quotas_nor_images(patient: Patient) -> None:
    local = Patient(patient.clients, DEPLOYMENT, patient.endpoint, "", local=True)
    assert {one.severity for one in [*check_quotas(local), *check_image(local)]} == {Severity.SKIPPED}


def test_the_last_hours_errors_in_the_clients_words(patient: Patient) -> None:
    now = datetime.now(UTC)
    put_log(
        patient.clients,
        "AllTraffic/i-1",
        [(now - timedelta(minutes=9) + timedelta(milliseconds=n), text) for n, text in enumerate(LOG)],
    )
    found = check_recent_errors(patient)
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
    assert found[0].next == "mme endpoint logs --model memory_v0.tar.gz --errors"
    assert found[3].message.startswith("alpha_v0.tar.gz failed (once): ValueError: negative (1/model.py line")
    assert found[2].next == "look at the archive: mme archives explain PATH"
    assert check_recent_errors(patient, now + timedelta(hours=2))[0].severity is Severity.OK


def test_each_archive_is_read_as_the_endpoint_would(patient: Patient) -> None:
    s3 = patient.clients.s3
    for number in range(20):
        s3.put_object(Bucket=BUCKET, Key=f"models/tenant/m{number}_v0.tar.gz", Body=str(number).encode())
    s3.put_object(Bucket=BUCKET, Key="models/note.txt", Body=b"")
    asked: list[Any] = []

    def explain(stream: Any, **around: Any) -> Explanation:
        content = stream.read()
        asked.append(SimpleNamespace(content=content, **around))
        if around["name"] == "tenant/m3_v0.tar.gz":
            raise MmeError("it is no gzip", hint="pack it again")
        faults: tuple[ArchiveFinding, ...] = ()
        if around["name"] == "tenant/m7_v0.tar.gz":
            faults = (
                ArchiveFinding("a", "no config.pbtxt", "write one"),
                ArchiveFinding("b", "large", "shrink it", "warning"),
                ArchiveFinding("c", "by the way", "", "note"),
            )
        return Explanation(around["name"], "archive", "triton", "flat", faults)

    progress: list[tuple[int, int]] = []
    found = check_archives(patient, lambda done, total: progress.append((done, total)), explain=explain)
    assert sorted((one.severity, one.message, one.next) for one in found) == [
        (Severity.ERROR, "tenant/m3_v0.tar.gz: it is no gzip", "pack it again"),
        (Severity.ERROR, "tenant/m7_v0.tar.gz: no config.pbtxt", "write one"),
        (Severity.OK, "19 archives can be loaded", ""),
        (Severity.WARNING, "tenant/m7_v0.tar.gz: large", "shrink it"),
    ]
    assert progress == [(number, 21) for number in range(1, 22)]
    one = next(call for call in asked if call.name == "tenant/m5_v0.tar.gz")
    assert (one.content, one.framework, one.processor.name) == (b"5", "triton", "CPU")
    assert (one.instance_type, one.image_version) == ("ml.m5.xlarge", "26.05")
    newest = check_archives(patient, lambda *_: None, most=2, explain=explain)
    assert told(newest, Severity.SKIPPED) == ["19 older archives were not read"]


def test_ctrl_c_reads_no_further_archive(patient: Patient) -> None:
    for number in range(40):
        patient.clients.s3.put_object(Bucket=BUCKET, Key=f"models/m{number}_v0.tar.gz", Body=b"")
    read: list[str] = []
    interrupted = Event()

    def explain(stream: Any, **around: Any) -> Explanation:
        read.append(around["name"])
        if len(read) > 8:
            interrupted.wait(5)  # Those that are begun before the first is done end with it.
        return Explanation(around["name"], "archive", "triton", "flat")

    def interrupt(done: int, total: int) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_archives(patient, interrupt, explain=explain)
    assert len(read) < 41
    stop = Event()
    stop.set()
    read.clear()
    check_archives(patient, lambda *_: None, stop=stop, explain=explain)
    assert read == []


def test_a_listener_that_ends_the_examination_ends_it(patient: Patient) -> None:
    class Impatient(Listener):
        def finished(self, check: str, findings: list[Finding]) -> None:
            if check not in ("credentials",):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        examine(patient.clients, lambda: DEPLOYMENT, Impatient())
