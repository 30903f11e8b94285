"""Whether the serving image is there to be pulled."""

from __future__ import annotations

from typing import Any

from mme.catalog.images import EcrImage, parse_ecr_uri, traits_of
from mme.operate.doctor.finding import Finding, Patient, Severity


def check_image(patient: Patient) -> list[Finding]:
    """Each image of the endpoint: in its region, and with its tag there, where ECR can be asked."""
    uris = dict.fromkeys(image for variant in patient.endpoint.variants for image in variant.images)
    found: list[Finding] = []
    for uri in uris:
        image = parse_ecr_uri(uri)
        if image is None:
            found.append(Finding("image", Severity.NOTE, f"{uri} is not in ECR: it was not asked for"))
            continue
        found += _age(image)
        if patient.local:
            name = f"{image.repository}:{image.tag}"
            message = f"{name} is not pulled: the local runtime has a Triton of its own"
            found.append(Finding("image", Severity.SKIPPED, message))
        elif image.region != patient.clients.region:
            message = f"{uri} is in {image.region}, the endpoint in {patient.clients.region}"
            found.append(
                Finding("image", Severity.ERROR, message, "SageMaker pulls from its own region only")
            )
        else:
            found.append(_asked(patient, image, uri))
    return found or [Finding("image", Severity.SKIPPED, "the endpoint does not tell its images")]


def _asked(patient: Patient, image: EcrImage, uri: str) -> Finding:
    """BatchGetImage, which is what pulling itself takes: AWS's own registries allow it to everybody."""
    from botocore.exceptions import ClientError

    digest = uri.partition("@")[2]
    wanted: Any = [{"imageDigest": digest} if digest else {"imageTag": image.tag or "latest"}]
    try:
        answer = patient.clients.ecr(image.region).batch_get_image(
            registryId=image.account, repositoryName=image.repository, imageIds=wanted
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "RepositoryNotFoundException":
            message = f"account {image.account} has no repository {image.repository} in {image.region}"
            return Finding("image", Severity.ERROR, message, "check the image's account, region and name")
        if code in ("AccessDeniedException", "AccessDenied"):
            message = f"ECR may not be asked whether {image.repository}:{image.tag} exists ({code})"
            return Finding("image", Severity.SKIPPED, message, "use credentials with ecr:BatchGetImage")
        raise
    if answer.get("images"):
        return Finding("image", Severity.OK, f"{image.repository}:{image.tag or digest} is in {image.region}")
    message = f"{image.repository} in account {image.account} has no image {image.tag or digest}"
    return Finding("image", Severity.ERROR, message, "choose a tag that exists: see ServingImage in the docs")


def _age(image: EcrImage) -> list[Finding]:
    traits = traits_of(image.repository, image.tag, name=f"{image.repository}:{image.tag}")
    confined = traits.paths_confined_from
    if confined is None:
        return []
    message = f"{traits.name} does not confine a model's paths: Triton does from {confined} on"
    return [Finding("image", Severity.WARNING, message, "use a newer image where others publish models")]
