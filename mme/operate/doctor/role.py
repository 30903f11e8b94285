"""Whether the endpoint's role really reaches the models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mme.aws.iam_policy import Decision, evaluate, trusts
from mme.operate.doctor.bucket_key import bucket_key
from mme.operate.doctor.finding import Finding, Patient, Severity

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

_PROBE: Final = "some-model_v0.tar.gz"
_SERVICE: Final = "sagemaker.amazonaws.com"
_DECRYPTS: Final = "decrypts models"

# What the role must be able to do: in words, action, resource, condition keys.
_Request = tuple[str, str, str, dict[str, str]]


def check_role(patient: Patient) -> list[Finding]:
    """The role trusts SageMaker, and may read the prefix: asked of IAM, or else read in its policies."""
    if not patient.role_arn:
        return [Finding("role", Severity.SKIPPED, "the endpoint's model is gone, so its role is not known")]
    from botocore.exceptions import ClientError

    iam, name = patient.clients.iam, patient.role_arn.rpartition("/")[2]
    try:
        role: Any = iam.get_role(RoleName=name)["Role"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        message = f"the endpoint's role {name} does not exist: no model can be loaded"
        return [Finding("role", Severity.ERROR, message, "deploy the serving stack again")]
    found = []
    if not trusts(role["AssumeRolePolicyDocument"], _SERVICE):
        message = f"the role {name} does not trust {_SERVICE}"
        found.append(Finding("role", Severity.ERROR, message, "let it assume the role, and deploy"))
    requests = _requests(patient)
    verdicts, how = _simulated(iam, patient, requests), "IAM's simulation says"
    if verdicts is None:
        verdicts = _evaluated(iam, name, requests)
        how = "its own policies say; IAM's simulation can't be asked"
    denied = {what: verdict for what, verdict in verdicts.items() if verdict is not Decision.ALLOWED}
    for what, verdict in denied.items():
        # A key's own policy, which is not read here, may let the role decrypt as well.
        unsure = verdict is Decision.UNKNOWN or (what == _DECRYPTS and verdict is Decision.NOT_ALLOWED)
        severity = Severity.WARNING if unsure else Severity.ERROR
        hint = "grant_read_models, or the construct's own role, gives it that"
        if what == _DECRYPTS:
            hint += "; an imported bucket needs its encryption_key to be given, too"
        found.append(Finding("role", severity, f"the role {name} {what}: {verdict} ({how})", hint))
    if not denied:
        message = f"the role {name} reads the models, by what {how}"
        found.append(Finding("role", Severity.OK, message))
    return found


def _requests(patient: Patient) -> list[_Request]:
    partition = patient.role_arn.split(":")[1]
    bucket = f"arn:{partition}:s3:::{patient.deployment.bucket}"
    prefix = patient.deployment.prefix
    needed: list[_Request] = [
        ("reads models", "s3:GetObject", f"{bucket}/{prefix}{_PROBE}", {}),
        ("lists models", "s3:ListBucket", bucket, {"s3:prefix": prefix}),
    ]
    key = bucket_key(patient.clients.s3, patient.deployment.bucket, patient.role_arn)
    return [*needed, (_DECRYPTS, "kms:Decrypt", key, {})] if key else needed


def _simulated(iam: IAMClient, patient: Patient, requests: list[_Request]) -> dict[str, Decision] | None:
    """What IAM says, or None where it may not be asked; the local runtime's knows no simulation."""
    from botocore.exceptions import ClientError
    from botocore.parsers import ResponseParserError

    if patient.local:
        return None
    try:
        return _simulation(iam, patient, requests)
    except ResponseParserError:
        return None  # An embedded AWS that lacks this call answers with a page of HTML.
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDenied", "AccessDeniedException"):
            raise
        return None


def _simulation(iam: IAMClient, patient: Patient, requests: list[_Request]) -> dict[str, Decision]:
    words = {
        "allowed": Decision.ALLOWED,
        "explicitDeny": Decision.DENIED,
        "implicitDeny": Decision.NOT_ALLOWED,
    }
    verdicts = {}
    for what, action, resource, context in requests:
        entries: Any = [
            {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for key, value in context.items()
        ]
        answer = iam.simulate_principal_policy(
            PolicySourceArn=patient.role_arn,
            ActionNames=[action],
            ResourceArns=[resource],
            ContextEntries=entries,
        )
        verdicts[what] = words[answer["EvaluationResults"][0]["EvalDecision"]]
    return verdicts


def _evaluated(iam: IAMClient, name: str, requests: list[_Request]) -> dict[str, Decision]:
    policies = _policies(iam, name)
    return {
        what: evaluate(policies, action, resource, context, complete_context=False)
        for what, action, resource, context in requests
    }


def _policies(iam: IAMClient, name: str) -> list[Any]:
    documents: list[Any] = []
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=name):
        for policy in page["PolicyNames"]:
            documents.append(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
    for attached_page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=name):
        for attached in attached_page["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            documents.append(
                iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
            )
    return documents
