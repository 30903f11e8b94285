"""Check that the endpoint's role can read the models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from mme.aws.iam_policy import Decision, evaluate, trusts
from mme.findings import Finding, Severity
from mme.operate.aws_errors import DENIED, error_code
from mme.operate.doctor.bucket import bucket_key
from mme.operate.doctor.context import DoctorContext

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

_MODEL: Final = "some-model_v0.tar.gz"
_SERVICE: Final = "sagemaker.amazonaws.com"
_DECRYPTS: Final = "decrypts models"
_DECISIONS: Final = {
    "allowed": Decision.ALLOWED,
    "explicitDeny": Decision.DENIED,
    "implicitDeny": Decision.NOT_ALLOWED,
}

# Description, action, resource and condition keys.
_Request = tuple[str, str, str, dict[str, str]]


def check_role(context: DoctorContext) -> Iterator[Finding]:
    """Check that the role trusts SageMaker and can read the prefix, by IAM's simulation or its policies."""
    if not context.role_arn:
        gone = "config" if context.endpoint.config_deleted else "model"
        yield Finding.skipped("role", f"the endpoint's {gone} was deleted, so its role is unknown")
        return
    from botocore.exceptions import ClientError

    iam, name = context.clients.iam, context.role_arn.rpartition("/")[2]
    try:
        role: Any = iam.get_role(RoleName=name)["Role"]
    except ClientError as error:
        if error_code(error) != "NoSuchEntity":
            raise
        message = f"the endpoint's role {name} does not exist, so no model can be loaded"
        again = (
            "deploy the serving stack again" if context.deployment.stack else f"create the role {name} again"
        )
        yield Finding.error("role", message, again)
        return
    if not trusts(role["AssumeRolePolicyDocument"], _SERVICE):
        message = f"the role {name} does not trust {_SERVICE}"
        yield Finding.error("role", message, "let it assume the role, and deploy")
    requests = _requests(context)
    decisions, source = _simulated(context, requests), "by IAM's simulation"
    if decisions is None:
        policies = list(_policies(iam, name))
        decisions = {
            what: evaluate(policies, action, resource, keys, complete_context=False)
            for what, action, resource, keys in requests
        }
        source = "by its own policies; IAM's simulation is not available"
    refused = {what: decision for what, decision in decisions.items() if decision is not Decision.ALLOWED}
    for what, decision in refused.items():
        # The key's own policy, which is not read here, may also allow the role to decrypt.
        unsure = decision is Decision.UNKNOWN or (what == _DECRYPTS and decision is Decision.NOT_ALLOWED)
        hint = "use grant_read_models or the construct's default role"
        if what == _DECRYPTS:
            hint += "; set encryption_key for an imported bucket"
        message = f"the role {name} {what}: {decision} ({source})"
        yield Finding(Severity.WARNING if unsure else Severity.ERROR, "role", message, hint)
    if not refused:
        yield Finding.ok("role", f"the role {name} can read the models ({source})")


def _requests(context: DoctorContext) -> list[_Request]:
    partition, prefix = context.role_arn.split(":")[1], context.deployment.prefix
    bucket = f"arn:{partition}:s3:::{context.deployment.bucket}"
    needed: list[_Request] = [
        ("reads models", "s3:GetObject", f"{bucket}/{prefix}{_MODEL}", {}),
        ("lists models", "s3:ListBucket", bucket, {"s3:prefix": prefix}),
    ]
    key = bucket_key(context.clients.s3, context.deployment.bucket, context.role_arn)
    return [*needed, (_DECRYPTS, "kms:Decrypt", key, {})] if key else needed


def _simulated(context: DoctorContext, requests: list[_Request]) -> dict[str, Decision] | None:
    """Return IAM's decisions; None if the caller may not simulate or the embedded IAM can't."""
    from botocore.exceptions import ClientError
    from botocore.parsers import ResponseParserError

    if context.local:
        return None
    decisions = {}
    try:
        for what, action, resource, keys in requests:
            entries: Any = [
                {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
                for key, value in keys.items()
            ]
            answer = context.clients.iam.simulate_principal_policy(
                PolicySourceArn=context.role_arn,
                ActionNames=[action],
                ResourceArns=[resource],
                ContextEntries=entries,
            )
            decisions[what] = _DECISIONS[answer["EvaluationResults"][0]["EvalDecision"]]
    except ResponseParserError:
        return None  # moto answers with HTML to calls that it lacks
    except ClientError as error:
        if error_code(error) not in DENIED:
            raise
        return None
    return decisions


def _policies(iam: IAMClient, role: str) -> Iterator[Any]:
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=role):
        for policy in page["PolicyNames"]:
            yield iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    for attached_page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
        for attached in attached_page["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            answer = iam.get_policy_version(PolicyArn=arn, VersionId=version)
            yield answer["PolicyVersion"]["Document"]
