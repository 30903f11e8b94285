"""obstore's requests mean what boto3's mean: the same objects, the same errors, and retries that are told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from mme.errors import MmeError
from mme.registry import ModelStore, find_models, publish_all
from mme.registry.fast_objects import MAX_TRIES, FastObjects, fast_objects
from mme.registry.objects import BotoObjects, NameTakenError

Fault = Callable[[Request], Response | None]


class Server:
    """An S3 of moto's on a port, that fails as a test wants it to."""

    def __init__(self) -> None:
        self.cloud = DomainDispatcherApplication(create_backend_app)
        self.fault: Fault = lambda request: None
        self.requests: list[str] = []

    def __call__(self, environ, start_response):
        request = Request(environ)
        self.requests.append(request.method)
        answer = self.fault(request)
        return (answer or self.cloud)(environ, start_response)


@pytest.fixture(scope="module")
def _running() -> Iterator[tuple[Server, str]]:
    application = Server()
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield application, f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def server(_running) -> Iterator[Server]:
    application = _running[0]
    application.requests.clear()
    yield application
    application.fault = lambda request: None


@pytest.fixture
def session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")


@pytest.fixture
def s3(_running, server, session):
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2})
    client = session.client("s3", endpoint_url=_running[1], config=config)
    client.create_bucket(Bucket="models")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="models"):
        for item in page.get("Contents", []):
            client.delete_object(Bucket="models", Key=item["Key"])
    return client


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def fast(session, s3, waits) -> FastObjects:
    return FastObjects(session, s3, "models", sleep=waits.append)


def refuse(times: int, status: int, code: str) -> Fault:
    """Refuses so many writes, then lets them pass."""
    left = [times]

    def fault(request: Request) -> Response | None:
        if request.method != "PUT" or left[0] == 0:
            return None
        left[0] -= 1
        body = f"<Error><Code>{code}</Code><Message>some words</Message></Error>"
        return Response(body, status, content_type="application/xml")

    return fault


@pytest.fixture(params=["fast", "boto"])
def objects(request, fast, s3):
    return fast if request.param == "fast" else BotoObjects(s3, "models")


def test_both_write_read_and_list_alike(objects, s3) -> None:
    etag = objects.put_new("models/a/x_v0.tar.gz", b"content", {"mme-digest": "abc"})
    with pytest.raises(NameTakenError):
        objects.put_new("models/a/x_v0.tar.gz", b"other", {})
    found = objects.head("models/a/x_v0.tar.gz")
    assert (found.size, found.etag, found.metadata["mme-digest"]) == (7, etag, "abc")
    assert objects.head("models/absent") is None
    s3.put_object(Bucket="models", Key="models/b.tar.gz", Body=b"")
    s3.put_object(Bucket="models", Key="modelsx.tar.gz", Body=b"")
    listed = objects.listed("models/")
    assert [(one.key, one.size) for one in listed] == [("models/a/x_v0.tar.gz", 7), ("models/b.tar.gz", 0)]
    assert listed[0].etag == etag
    assert [one.key for one in objects.listed("models/a/x_v")] == ["models/a/x_v0.tar.gz"]
    assert s3.head_object(Bucket="models", Key="models/a/x_v0.tar.gz")["ContentType"] == "application/gzip"


def test_both_give_up_long_listings(objects, s3) -> None:
    for number in range(1001):
        s3.put_object(Bucket="models", Key=f"models/{number:04d}", Body=b"")
    assert objects.listed("models/", max_pages=1) is None
    assert len(objects.listed("models/", max_pages=2)) == 1001


def test_keys_that_obstore_cannot_name(fast, s3) -> None:
    for key in ("models//double.tar.gz", "models/plain.tar.gz", "models/", "models/a b+ü.tar.gz"):
        s3.put_object(Bucket="models", Key=key, Body=b"")
    assert {"models//double.tar.gz", "models/plain.tar.gz"} <= {one.key for one in fast.listed("models/")}


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "SlowDown"), (500, "InternalError"), (429, "TooManyRequests"), (400, "Throttling")],
)
def test_passing_faults_are_tried_again_and_told(fast, server, waits, status: int, code: str) -> None:
    server.fault = refuse(3, status, code)
    told: list[str] = []
    with fast.retries_told(told.append):
        fast.put_new("models/x", b"1", {})
    assert told == [code] * 3
    assert len(waits) == 3
    assert all(0 <= wait <= 8 for wait in waits)


def test_faults_that_stay_are_boto3s_errors(fast, server, waits) -> None:
    server.fault = refuse(99, 503, "SlowDown")
    with pytest.raises(ClientError) as caught:
        fast.put_new("models/x", b"1", {})
    assert caught.value.response["Error"] == {"Code": "SlowDown", "Message": "some words"}
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert len(waits) == MAX_TRIES - 1


@pytest.mark.parametrize(
    ("status", "words"), [(429, "Too Many Requests"), (599, "no words beside the status")]
)
def test_an_answer_without_words_is_told_by_its_status(fast, server, status: int, words: str) -> None:
    server.fault = lambda request: Response(status=status)
    with pytest.raises(ClientError) as caught:
        fast.head("models/x")
    assert caught.value.response["Error"] == {"Code": str(status), "Message": words}


@pytest.mark.parametrize(
    ("status", "code"), [(403, "ExpiredToken"), (400, "InvalidRequest"), (404, "NoSuchBucket")]
)
def test_refusals_are_not_tried_again(fast, server, waits, status: int, code: str) -> None:
    server.fault = refuse(99, status, code)
    with pytest.raises(ClientError, match=code):
        fast.put_new("models/x", b"1", {})
    assert waits == []


def test_no_server(session, waits) -> None:
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    client = session.client("s3", endpoint_url="http://localhost:9", config=config)
    with pytest.raises(EndpointConnectionError, match="localhost:9"):
        FastObjects(session, client, "models", sleep=waits.append).put_new("models/x", b"1", {})


def test_lost_answer_is_no_second_version(session, s3, server, waits, make_directory) -> None:
    """The write was done, its answer lost: the retry is refused, and the object recognised as ours."""
    first = [True]

    def lose(request: Request) -> Response | None:
        if request.method == "PUT" and first:
            first.clear()
            Response.from_app(server.cloud, request.environ)
            return Response("<Error><Code>InternalError</Code></Error>", 500)
        return None

    store = ModelStore(
        s3, "models", "models/", objects=FastObjects(session, s3, "models", sleep=waits.append)
    )
    server.fault = lose
    outcome = publish_all(store, find_models([make_directory()]).models)[0]
    assert outcome.target_model == "doubler_v0.tar.gz"
    assert [record.target_model for record in store.listed()] == ["doubler_v0.tar.gz"]


class Heard:
    def __init__(self) -> None:
        self.reasons: list[str] = []

    def advanced(self, model: str, done: int, total: int) -> None:
        """Not looked at."""

    def finished(self, outcome: object) -> None:
        """Not looked at."""

    def retried(self, reason: str) -> None:
        self.reasons.append(reason)


def test_listener_hears_of_boto3s_retries_too(s3, server, make_directory) -> None:
    server.fault = refuse(1, 503, "SlowDown")
    heard = Heard()
    publish_all(ModelStore(s3, "models", "models/"), find_models([make_directory()]).models, heard)
    assert heard.reasons == ["SlowDown"]


def test_many_models_both_ways(session, s3, waits, make_directory) -> None:
    paths = [make_directory(f"m{number}", content=f"{number}") for number in range(40)]
    fast = ModelStore(s3, "models", "models/", objects=FastObjects(session, s3, "models", sleep=waits.append))
    outcomes = publish_all(fast, find_models(paths).models)
    assert all(one.created for one in outcomes)
    plain = publish_all(ModelStore(s3, "models", "models/"), find_models(paths).models)
    assert [(one.digest, one.etag, one.created) for one in plain] == [
        (one.digest, one.etag, False) for one in outcomes
    ]
    assert fast.records() == ModelStore(s3, "models", "models/").records()


def test_keys_that_obstore_would_write_otherwise(session, s3) -> None:
    fast = FastObjects(session, s3, "models")
    s3.put_object(Bucket="models", Key="models/a//b_v0.tar.gz", Body=b"there")
    found = fast.head("models/a//b_v0.tar.gz")
    assert found is not None
    assert found.size == 5
    assert fast.head("models/../etc/passwd") is None


def test_denied_is_said_in_words_about_the_bucket(session, s3, server, waits, make_directory) -> None:
    store = ModelStore(
        s3, "models", "models/", objects=FastObjects(session, s3, "models", sleep=waits.append)
    )
    server.fault = refuse(99, 403, "AccessDenied")
    with pytest.raises(MmeError, match=r"access to s3://models/models/ is denied \(PutObject\)"):
        publish_all(store, find_models([make_directory()]).models)


def test_where_only_boto3_goes(session, s3, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(fast_objects(session, s3, "models", "models/"), FastObjects)
    for prefix in ("a b/", "a//b/", "./", "ü/"):
        assert fast_objects(session, s3, "models", prefix) is None
    monkeypatch.setenv("AWS_CA_BUNDLE", "/some.pem")
    assert isinstance(fast_objects(session, s3, "models", "models/"), FastObjects)
    secure = session.client("s3", endpoint_url="https://localhost:9", verify=False)
    assert fast_objects(session, secure, "models", "models/") is None


@pytest.mark.parametrize(
    ("client_region", "url", "expected"),
    [
        ("us-east-1", None, "https://s3.eu-west-1.amazonaws.com"),
        ("eu-central-1", None, "https://s3.eu-west-1.amazonaws.com"),
        ("cn-north-1", None, "https://s3.eu-west-1.amazonaws.com.cn"),
        ("us-east-1", "https://minio.example:9000", "https://minio.example:9000"),
    ],
)
def test_bucket_of_another_region(session, client_region: str, url: str | None, expected: str) -> None:
    client: Any = session.client("s3", region_name=client_region, endpoint_url=url)
    denied = ClientError(
        {
            "Error": {"Code": "403", "Message": ""},
            "ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": "eu-west-1"}},
        },
        "HeadBucket",
    )

    def refuse_look(**_: object) -> None:
        raise denied

    client.meta.events.register("before-call.s3.HeadBucket", refuse_look)
    region, address = FastObjects(session, client, "models")._place()
    assert address == expected
    assert region == ("eu-west-1" if url is None else client_region)
