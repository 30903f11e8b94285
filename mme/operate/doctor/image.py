"""Check that the serving images exist."""

from __future__ import annotations

from typing import Any

from mme.catalog.images import EcrImage, parse_ecr_uri, traits_of
from mme.findings import Finding, Severity
from mme.operate.aws_errors import DENIED, error_code
from mme.operate.doctor.context import DoctorContext


def check_image(context: DoctorContext) -> list[Finding]:
    """Check each image of the endpoint: its age, its region, and its tag in ECR."""
    found: list[Finding] = []
    for uri in dict.fromkeys(image for variant in context.endpoint.variants for image in variant.images):
        image = parse_ecr_uri(uri)
        if image is None:
            found.append(Finding(Severity.NOTE, "image", f"{uri} is not in ECR and was not checked"))
            continue
        found += _age(image)
        if context.local:
            message = f"{image.repository}:{image.tag} is not pulled: the local runtime has its own Triton"
            found.append(Finding(Severity.SKIPPED, "image", message))
        elif image.region != context.clients.region:
            message = f"{uri} is in {image.region}, the endpoint in {context.clients.region}"
            hint = "use an image in the endpoint's region: SageMaker pulls from no other"
            found.append(Finding(Severity.ERROR, "image", message, hint))
        else:
            found.append(_in_ecr(context, image, uri))
    return found or [Finding(Severity.SKIPPED, "image", "SageMaker does not report the endpoint's images")]


def _in_ecr(context: DoctorContext, image: EcrImage, uri: str) -> Finding:
    """Call BatchGetImage like a pull: AWS's own registries allow it to every account."""
    from botocore.exceptions import ClientError

    digest = uri.partition("@")[2]
    ids: Any = [{"imageDigest": digest} if digest else {"imageTag": image.tag or "latest"}]
    try:
        answer = context.clients.ecr(image.region).batch_get_image(
            registryId=image.account, repositoryName=image.repository, imageIds=ids
        )
    except ClientError as error:
        code = error_code(error)
        if code == "RepositoryNotFoundException":
            message = f"account {image.account} has no repository {image.repository} in {image.region}"
            return Finding(Severity.ERROR, "image", message, "check the image's account, region and name")
        if code in DENIED:
            message = f"ECR denies to look up {image.repository}:{image.tag} ({code})"
            return Finding(Severity.SKIPPED, "image", message, "use credentials with ecr:BatchGetImage")
        raise
    if answer.get("images"):
        return Finding(Severity.OK, "image", f"{image.repository}:{image.tag or digest} is in {image.region}")
    message = f"{image.repository} in account {image.account} has no image {image.tag or digest}"
    return Finding(Severity.ERROR, "image", message, "use a tag that exists: see ServingImage in the docs")


def _age(image: EcrImage) -> list[Finding]:
    traits = traits_of(image.repository, image.tag, name=f"{image.repository}:{image.tag}")
    confined = traits.paths_confined_from
    if confined is None:
        return []
    message = f"{traits.name} does not confine a model's paths, which Triton does from {confined} on"
    return [Finding(Severity.WARNING, "image", message, "use a newer image if others publish models")]
