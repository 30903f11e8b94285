"""Findings on the endpoint's role: by IAM's simulation, its policies, and the bucket's key."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from botocore.stub import Stubber

from mme.findings import Finding, Severity
from mme.operate.doctor.context import DoctorContext
from mme.operate.doctor.deployment import check_endpoint
from mme.operate.doctor.role import check_role
from mme.operate.endpoint_state import read_endpoint
from tests.operate.deployment import DEPLOYMENT, deny
from tools.sample_deployment import BUCKET, ENDPOINT


def simulated(context: DoctorContext, *decisions: str) -> list[Finding]:
    """The role's findings, with these decisions of IAM's simulation."""
    iam = context.clients.iam
    role = iam.get_role(RoleName=context.role_arn.rpartition("/")[2])
    with Stubber(iam) as stubber:
        trust = json.dumps(role["Role"]["AssumeRolePolicyDocument"])
        stubber.add_response("get_role", {"Role": {**role["Role"], "AssumeRolePolicyDocument": trust}})
        for decision, action in zip(decisions, ("s3:GetObject", "s3:ListBucket"), strict=True):
            result = {"EvalActionName": action, "EvalDecision": decision}
            stubber.add_response("simulate_principal_policy", {"EvaluationResults": [result]})
        return list(check_role(context))


def test_the_role_by_iams_simulation(context: DoctorContext) -> None:
    (good,) = simulated(context, "allowed", "allowed")
    assert good.severity is Severity.OK
    assert "by IAM's simulation" in good.message
    bad = simulated(context, "explicitDeny", "implicitDeny")
    assert [one.severity for one in bad] == [Severity.ERROR] * 2
    assert "reads models: explicitly denied (by IAM's simulation)" in bad[0].message
    assert "lists models: not allowed" in bad[1].message


def test_the_role_by_its_policies_if_the_simulation_is_denied(context: DoctorContext) -> None:
    (good,) = check_role(context)
    assert good.severity is Severity.OK
    assert "by its own policies; IAM's simulation is not available" in good.message
    name = context.role_arn.rpartition("/")[2]
    document = {"Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}/*"}}
    policy = context.clients.iam.create_policy(
        PolicyName="No", PolicyDocument=json.dumps({"Version": "2012-10-17", **document})
    )
    context.clients.iam.attach_role_policy(RoleName=name, PolicyArn=policy["Policy"]["Arn"])
    (bad,) = check_role(context)
    assert "reads models: explicitly denied" in bad.message


def encrypt(context: DoctorContext, key: str) -> None:
    by_key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    context.clients.s3.put_bucket_encryption(
        Bucket=BUCKET,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": by_key}]},
    )


@pytest.mark.parametrize("named", ["arn:aws:kms:us-east-1:123456789012:key/ours", "ours"])
def test_a_role_that_may_not_decrypt_with_the_buckets_key(context: DoctorContext, named: str) -> None:
    encrypt(context, named)
    (bad,) = check_role(context)
    # The key's own policy may say more than the role's.
    assert bad.severity is Severity.WARNING
    assert "decrypts models: not allowed" in bad.message
    assert "encryption_key" in bad.hint
    name = context.role_arn.rpartition("/")[2]
    for effect, severity in (("Allow", Severity.OK), ("Deny", Severity.ERROR)):
        statement = {
            "Effect": effect,
            "Action": "kms:Decrypt",
            "Resource": "arn:aws:kms:us-east-1:123456789012:key/ours",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        context.clients.iam.put_role_policy(RoleName=name, PolicyName="Key", PolicyDocument=document)
        (found,) = check_role(context)
        assert found.severity is severity, found


@pytest.mark.parametrize(
    "code", ["AccessDenied", "NoSuchBucket", "ServerSideEncryptionConfigurationNotFoundError"]
)
def test_an_unknown_key_is_not_checked(context: DoctorContext, code: str) -> None:
    encrypt(context, "arn:aws:kms:us-east-1:123456789012:key/ours")
    deny(context.clients.s3, "GetBucketEncryption", code=code)
    assert [one.severity for one in check_role(context)] == [Severity.OK]


@pytest.mark.parametrize("named", ["alias/ours", "arn:aws:kms:us-east-1:123456789012:alias/ours"])
def test_an_alias_of_a_key_is_not_taken_for_a_key(context: DoctorContext, named: str) -> None:
    encrypt(context, named)
    assert [one.severity for one in check_role(context)] == [Severity.OK]


def test_a_config_deleted_by_hand(context: DoctorContext) -> None:
    sagemaker = context.clients.sagemaker
    sagemaker.delete_endpoint_config(EndpointConfigName=context.endpoint.config)
    endpoint = read_endpoint(sagemaker, ENDPOINT)
    broken = DoctorContext(context.clients, DEPLOYMENT, endpoint, "", local=False)
    (role,) = check_role(broken)
    assert role.message == "the endpoint's config was deleted, so its role is unknown"
    (fault,) = check_endpoint(broken)
    assert (fault.severity, fault.message) == (
        Severity.ERROR,
        f"the endpoint config {endpoint.config} is gone: it was deleted outside CloudFormation",
    )


def test_a_role_that_is_missing_or_trusts_others(context: DoctorContext) -> None:
    for deployment, hint in (
        (DEPLOYMENT, "deploy the serving stack again"),
        (replace(DEPLOYMENT, stack=""), "create the role gone again"),
    ):
        gone = DoctorContext(
            context.clients, deployment, context.endpoint, "arn:aws:iam::123456789012:role/gone", False
        )
        (found,) = check_role(gone)
        assert "role gone does not exist" in found.message
        assert found.hint == hint
    name = context.role_arn.rpartition("/")[2]
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
        ],
    }
    context.clients.iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    assert "does not trust sagemaker.amazonaws.com" in next(iter(check_role(context))).message
