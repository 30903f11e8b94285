"""The control plane as the data plane reads it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mme_local.aws import control_plane


def test_an_unknown_endpoint_is_none() -> None:
    assert control_plane.resolve_endpoint("no-such-endpoint") is None
    assert control_plane.list_endpoints() == []


def test_a_resolved_endpoint_has_its_containers(deploy: Any, endpoint_template: Any) -> None:
    deploy(endpoint_template(image="triton:1", count=2, environment={"SAGEMAKER_TRITON_LOG_VERBOSE": "0"}))

    [endpoint] = control_plane.list_endpoints()

    assert endpoint == control_plane.resolve_endpoint("mme")
    assert (endpoint.name, endpoint.status) == ("mme", "InService")
    assert endpoint.arn == "arn:aws:sagemaker:us-east-1:123456789012:endpoint/mme"
    [variant] = endpoint.variants
    assert (variant.name, variant.instance_type, variant.instance_count) == ("AllTraffic", "ml.g5.xlarge", 2)
    assert (variant.weight, variant.execution_role_arn) == (1.0, "arn:aws:iam::123456789012:role/serving")
    [container] = variant.containers
    assert container == control_plane.DeployedContainer(
        image="triton:1",
        mode="MultiModel",
        model_data_url="s3://models/all/",
        environment={"SAGEMAKER_TRITON_LOG_VERBOSE": "0"},
        cache_setting="Disabled",
    )


@pytest.mark.parametrize(
    "url",
    [
        "s3://models/all/",
        "https://s3.amazonaws.com/models/all/",
        "https://s3-us-east-1.amazonaws.com/models/all/",
        "https://s3.us-east-1.amazonaws.com/models/all/",
        "https://models.s3.amazonaws.com/all/",
        "https://models.s3-us-east-1.amazonaws.com/all/",
        "https://models.s3.us-east-1.amazonaws.com/all/",
        "https://models.s3.cn-north-1.amazonaws.com.cn/all/",
    ],
)
def test_the_addresses_of_models(deploy: Any, endpoint_template: Any, url: str) -> None:
    template = endpoint_template()
    template["Resources"]["Model"]["Properties"]["Containers"][0]["ModelDataUrl"] = url
    deploy(template)
    [endpoint] = control_plane.list_endpoints()
    assert endpoint.variants[0].containers[0].model_data_url == "s3://models/all/"


def test_an_endpoint_exists_in_one_region_only(deploy: Any, endpoint_template: Any) -> None:
    deploy(endpoint_template())

    assert control_plane.resolve_endpoint("mme", region="eu-west-1") is None


def test_a_reader_never_sees_a_partial_update(deploy: Any, endpoint_template: Any) -> None:
    deploy(endpoint_template(image="image:1", count=1))
    observed: set[tuple[str, int]] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            endpoint = control_plane.resolve_endpoint("mme")
            assert endpoint is not None
            [variant] = endpoint.variants
            observed.add((variant.containers[0].image, variant.instance_count))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(2, 8):
        deploy(endpoint_template(image=f"image:{number}", count=number))
    stop.set()
    for reader in readers:
        reader.join(timeout=10)

    assert observed <= {(f"image:{number}", number) for number in range(1, 8)}
    assert ("image:7", 7) in observed or len(observed) > 1


def test_an_object_is_read_in_chunks(aws: Any) -> None:
    s3 = aws("s3")
    s3.create_bucket(Bucket="models")
    body = bytes(range(256)) * 4096 * 3
    put = s3.put_object(Bucket="models", Key="all/a_v0.tar.gz", Body=body, Metadata={"mme-digest": "abc"})

    head = control_plane.head_object("models", "all/a_v0.tar.gz")
    assert (head.size, f'"{head.etag}"') == (len(body), put["ETag"])
    assert head.metadata == {"mme-digest": "abc"}
    with control_plane.open_object("models", "all/a_v0.tar.gz") as opened:
        chunks = list(opened.body)
    assert len(chunks) == 3
    assert b"".join(chunks) == body
    assert opened.head == head


@pytest.mark.parametrize(("bucket", "key"), [("models", "missing"), ("no-such-bucket", "a")])
def test_a_missing_object_is_a_key_error_that_names_it(aws: Any, bucket: str, key: str) -> None:
    aws("s3").create_bucket(Bucket="models")

    with pytest.raises(KeyError) as missing:
        control_plane.head_object(bucket, key)
    assert str(missing.value) == f"no object s3://{bucket}/{key}"
    with pytest.raises(control_plane.ObjectMissing), control_plane.open_object(bucket, key):
        pass


def test_a_deleted_object_is_missing_and_an_old_version_is_not_read(aws: Any) -> None:
    s3 = aws("s3")
    s3.create_bucket(Bucket="models")
    s3.put_bucket_versioning(Bucket="models", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="models", Key="a", Body=b"old")
    put = s3.put_object(Bucket="models", Key="a", Body=b"newer")

    assert control_plane.head_object("models", "a").version_id == put["VersionId"]
    s3.delete_object(Bucket="models", Key="a")
    with pytest.raises(control_plane.ObjectMissing):
        control_plane.head_object("models", "a")


def test_an_object_overwritten_while_it_is_read_is_missing(aws: Any) -> None:
    s3 = aws("s3")
    s3.create_bucket(Bucket="models")
    s3.put_object(Bucket="models", Key="a", Body=b"1" * 3_000_000)

    with control_plane.open_object("models", "a") as opened:
        next(opened.body)
        s3.put_object(Bucket="models", Key="a", Body=b"2" * 3_000_000)
        try:
            rest = b"".join(opened.body)
        except control_plane.ObjectMissing:
            rest = b"1"
    assert set(rest) == {ord("1")}
