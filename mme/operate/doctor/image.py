"""Check that the serving images exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mme.catalog.images import EcrImage, parse_ecr_uri, traits_of
from mme.findings import Finding
from mme.operate.aws_errors import DENIED, error_code
from mme.operate.doctor.context import DoctorContext


def check_image(context: DoctorContext) -> Iterator[Finding]:
    """Check each image of the endpoint: its age, its region, and its tag in ECR."""
    uris = dict.fromkeys(image for variant in context.endpoint.variants for image in variant.images)
    if not uris:
        yield Finding.skipped("image", "SageMaker does not report the endpoint's images")
    for uri in uris:
        image = parse_ecr_uri(uri)
        if image is None:
            yield Finding.note("image", f"{uri} is not in ECR and was not checked")
            continue
        name = f"{image.repository}:{image.tag}"
        if confined := traits_of(image.repository, image.tag, name=name).paths_confined_from:
            message = f"{name} does not confine a model's paths, which Triton does from {confined} on"
            yield Finding.warning("image", message, "use a newer image if others publish models")
        if context.local:
            yield Finding.skipped("image", f"{name} is not pulled: the local endpoint has its own Triton")
        elif image.region != context.clients.region:
            message = f"{uri} is in {image.region}, the endpoint in {context.clients.region}"
            hint = "use an image in the endpoint's region: SageMaker pulls from no other"
            yield Finding.error("image", message, hint)
        else:
            yield _in_ecr(context, image, uri)


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
            return Finding.error("image", message, "check the image's account, region and name")
        if code in DENIED:
            message = f"ECR denies to look up {image.repository}:{image.tag} ({code})"
            return Finding.skipped("image", message, "use credentials with ecr:BatchGetImage")
        raise
    if answer.get("images"):
        return Finding.ok("image", f"{image.repository}:{image.tag or digest} is in {image.region}")
    message = f"{image.repository} in account {image.account} has no image {image.tag or digest}"
    return Finding.error("image", message, "use a tag that exists: see ServingImage in the docs")
