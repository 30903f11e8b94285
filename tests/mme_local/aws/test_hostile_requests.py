"""Requests that must be refused: names that become paths, and bodies that could block or end a thread."""

from __future__ import annotations

import gzip
import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

BUCKET = {"Type": "AWS::S3::Bucket"}


def status_of(url: str, method: str = "GET") -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    "path",
    ["", "/", "/data.json", "/reset", "/seed", "/config", "/recorder/start-recording", "/state-manager/x"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_motos_own_api_is_not_there(endpoint_url: str, aws: Any, method: str, path: str) -> None:
    aws("s3").create_bucket(Bucket="models")
    assert status_of(f"{endpoint_url}/moto-api{path}", method) == 404
    assert len(aws("s3").list_buckets()["Buckets"]) == 1


@pytest.mark.parametrize("path", ["/favicon.ico", "/latest/meta-data/iam/security-credentials/default-role"])
def test_an_instances_metadata_is_not_there(endpoint_url: str, path: str) -> None:
    assert status_of(f"{endpoint_url}{path}") == 404


LAUGHS = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]
CONDITIONS: dict[str, Any] = {"C0": {"Fn::Equals": ["a", "b"]}}
for _n in range(1, 60):
    CONDITIONS[f"C{_n}"] = {"Fn::Or": [{"Condition": f"C{_n - 1}"}] * 2}


def nested_substitutions(levels: int) -> Any:
    value: Any = "x" * 100
    for _ in range(levels):
        value = {"Fn::Sub": ["${a}${a}", {"a": value}]}
    return value


def resource(**members: Any) -> str:
    return json.dumps({"Resources": {"A": {**BUCKET, **members}}})


def condition(expression: Any) -> str:
    return json.dumps({"Conditions": {"C": expression}, "Resources": {"A": {**BUCKET, "Condition": "C"}}})


def parameter(**slot: Any) -> str:
    return json.dumps({"Parameters": {"P": {"Type": "String", **slot}}, "Resources": {"A": BUCKET}})


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("\n".join([*LAUGHS, "Resources: {A: {Type: 'AWS::S3::Bucket'}}"]), "YAML aliases are not allowed"),
        ("Resources: &a {A: *a}", "YAML aliases are not allowed"),
        ("Resources: {A: {<<: {Type: x}, B: " + "[" * 5000 + "]" * 5000 + "}}", "levels deep"),
        ('{"Resources": ' + "[" * 100_000, "Template format error"),
        ('{"Resources": ' + '{"A":' * 500 + "1" + "}" * 500 + "}", "levels deep"),
        ('{"Resources": ' + '{"A":' * 100_000 + "1" + "}" * 100_001, "levels deep"),
        ('{"Resources": {}}' + " " * 1024 * 1024, "may not exceed 1048576 bytes"),
        ("Resources: !!python/object/apply:os.system [id]", "Template format error"),
        ("Resources: !!binary eA==", "Template format error"),
        ("A: !!int " + "9" * 5000, "Template format error"),
        ('{"Resources": []}', "At least one Resources member"),
        ('{"Resources": [1]}', r"\[/Resources\] must be an object"),
        ('{"Resources": {"A": {"Type": 5}}}', "must contain a Type"),
        ('{"Resources": {"A": {"Type": "T", "Properties": [1]}}}', "Properties.* must be an object"),
        (resource(DependsOn=5), "Template format error"),
        (resource(Properties={"X": {"Fn::GetAtt": 5}}), "Template format error"),
        (resource(Properties={"X": {"Fn::Sub": []}}), "Template format error"),
        (condition({"Condition": "C"}), "refers to itself in a circle"),
        (condition({"Fn::If": 5}), "Template error: Fn::If has an invalid argument"),
        (parameter(AllowedPattern="(a+)+b", Default="a" * 40), "longer than 5 seconds of CPU time to match"),
        (parameter(AllowedPattern="(", Default="a"), "not a valid expression"),
        (parameter(MinLength="x", Default="a"), "Template format error"),
    ],
)  # fmt: skip
def test_a_hostile_template_is_refused(cloudformation: Any, body: str, fault: str) -> None:
    with pytest.raises(ClientError, match=rf"ValidationError.*{fault}"):
        cloudformation.create_stack(StackName="app", TemplateBody=body)
    assert cloudformation.describe_stacks()["Stacks"] == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b" " * 1024 * 1024 + b"{}", "may not exceed 1048576 bytes"),
        (b"\xff\xfe", "can't decode byte 0xff"),
        (None, "there is no object s3://models/t"),
    ],
)
def test_a_hostile_template_in_s3_is_refused(
    cloudformation: Any, aws: Any, body: bytes | None, fault: str
) -> None:
    aws("s3").create_bucket(Bucket="models")
    if body is not None:
        aws("s3").put_object(Bucket="models", Key="t", Body=body)
    with pytest.raises(ClientError, match=rf"ValidationError.*{fault}"):
        cloudformation.create_stack(StackName="app", TemplateURL="https://models.s3.amazonaws.com/t")


def test_conditions_of_conditions_are_evaluated_once(deploy: Any, aws: Any) -> None:
    never = {**BUCKET, "Condition": "C59"}
    deploy({"Conditions": CONDITIONS, "Resources": {"A": never, "B": BUCKET}})
    assert len(aws("s3").list_buckets()["Buckets"]) == 1


def test_a_substitution_cannot_grow_without_end(deploy: Any, events: Any) -> None:
    grown = {**BUCKET, "Properties": {"BucketName": nested_substitutions(30)}}
    assert deploy({"Resources": {"A": grown}})["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any("Fn::Sub makes more than 1048576 characters" in reason for _, _, reason in events())


@pytest.mark.parametrize("name", ["../app", "a/b", "-a", "a" * 129, "1a"])
def test_a_stacks_name_is_not_a_path(cloudformation: Any, name: str) -> None:
    body = json.dumps({"Resources": {"A": BUCKET}})
    with pytest.raises(ClientError, match=r"ValidationError.*stackName"):
        cloudformation.create_stack(StackName=name, TemplateBody=body)


@pytest.mark.parametrize("name", ["../../x", "a/b", "a" * 65, "..", "x\n", "ä"])
def test_a_functions_name_is_not_a_path(deploy: Any, events: Any, name: str) -> None:
    function = {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": name, "Handler": "a.b"}}
    assert deploy({"Resources": {"A": function}})["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any("does not match the pattern" in reason for _, _, reason in events())


@pytest.mark.parametrize("name", ["../x", "a/b", "a" * 64, "x\n", "-a", "ä"])
def test_hosting_names_are_not_paths(aws: Any, name: str) -> None:
    sagemaker, role = aws("sagemaker"), "arn:aws:iam::123456789012:role/r"
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=role)
    sizes = {"InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1, "ModelName": "m"}

    def config(config_name: str, variant: str) -> None:
        variants = [{"VariantName": variant, **sizes}]
        sagemaker.create_endpoint_config(EndpointConfigName=config_name, ProductionVariants=variants)

    for call in (
        lambda: sagemaker.create_model(ModelName=name, ExecutionRoleArn=role),
        lambda: config(name, "v"),
        lambda: config("c", name),
        lambda: sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="c"),
    ):
        with pytest.raises(ClientError, match=r"ValidationException.*failed to satisfy constraint"):
            call()


def test_a_bucket_policy_of_many_wildcards_is_decided(aws: Any) -> None:
    s3, many = aws("s3"), "a*" * 3000 + "b"
    s3.create_bucket(Bucket="models")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::models/{many}"}
    s3.put_bucket_policy(Bucket="models", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    s3.put_object(Bucket="models", Key="a" * 1000, Body=b"x")
    with pytest.raises(ClientError, match=r"403|AccessDenied|Forbidden"):
        s3.put_object(Bucket="models", Key="aaab" * 2000, Body=b"x")


def test_patterns_of_callers_are_matched_in_linear_time(aws: Any) -> None:
    many, s3, events = "a*" * 2000 + "b", aws("s3"), aws("events")
    s3.create_bucket(Bucket="models")
    rules = [{"AllowedOrigins": [many], "AllowedMethods": ["GET"]}]
    s3.put_bucket_cors(Bucket="models", CORSConfiguration={"CORSRules": rules})
    s3.meta.events.register_first("before-sign.s3.ListObjectsV2", with_origin)
    try:
        s3.list_objects_v2(Bucket="models")
    finally:
        s3.meta.events.unregister("before-sign.s3.ListObjectsV2", with_origin)
    events.put_rule(Name="r", EventPattern=json.dumps({"detail": {"x": [{"wildcard": many}]}}))
    entry = {"Source": "s", "DetailType": "t", "Detail": json.dumps({"x": "a" * 3000})}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    for pattern in (many, "(a+)+$"):
        filters = [{"Name": "description", "Values": [pattern]}]
        assert aws("ec2").describe_security_groups(Filters=filters)["SecurityGroups"] == []


def with_origin(request: Any, **_: Any) -> None:
    request.headers["Origin"] = "a" * 3000


def posted(url: str, service: str, body: bytes, **headers: str) -> tuple[int, str]:
    """Send a body as it is, signed for a service."""
    scope = f"Credential=x/20261130/us-east-1/{service}/aws4_request"
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(
        url, data=body, headers={"Authorization": f"AWS4-HMAC-SHA256 {scope}, x", **more}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize(
    ("service", "target"),
    [
        ("sagemaker", "SageMaker.CreateModel"),
        ("sagemaker", "SageMaker.ListModels"),
        ("application-autoscaling", "AnyScaleFrontendService.RegisterScalableTarget"),
        ("ssm", "AmazonSSM.GetParameter"),
        ("kms", "TrentService.CreateKey"),
        ("sqs", "AmazonSQS.ListQueues"),
        ("lambda", ""),
    ],
)
@pytest.mark.parametrize(
    ("body", "fault"),
    [(b"[]", "Start of list found where not expected"), (b"\xff", "The request body is not valid JSON")],
)
def test_a_body_that_is_no_object_is_refused(
    endpoint_url: str, service: str, target: str, body: bytes, fault: str
) -> None:
    if target:
        more = {"Content_Type": "application/x-amz-json-1.1", "X_Amz_Target": target}
        status, answer = posted(endpoint_url, service, body, **more)
    else:
        path = f"{endpoint_url}/2015-03-31/functions"
        status, answer = posted(path, service, body, Content_Type="application/json")
    assert (status, json.loads(answer)) == (400, {"__type": "SerializationException", "Message": fault})


def form(*fields: str) -> bytes:
    """A form of S3's POST upload; the field `file` is a file."""
    parts = []
    for field in fields:
        name, _, value = field.partition("=")
        file = '; filename="f"' if name == "file" else ""
        parts.append(f'--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{value}\r\n')
    return "".join([*parts, "--b--\r\n"]).encode()


@pytest.mark.parametrize(
    ("body", "kind", "status", "fault"),
    [
        (b"x", "text/plain", 412, "Bucket POST must be of the enclosure-type multipart/form-data"),
        (form("a=b", "file=x"), "", 400, "Bucket POST must contain a field named 'key'"),
        (form("key=k", "other=x"), "", 204, ""),
        (form("key=k", "file=x"), "", 204, ""),
        (form("key=k", "success_action_status=201", "file=x"), "", 201, ""),
        (form("key=k", "success_action_status=x", "file=x"), "", 204, ""),
    ],
)
def test_uploads_by_forms(
    endpoint_url: str, aws: Any, body: bytes, kind: str, status: int, fault: str
) -> None:
    aws("s3").create_bucket(Bucket="models")
    found, answer = posted(
        f"{endpoint_url}/models", "s3", body, Content_Type=kind or "multipart/form-data; boundary=b"
    )
    assert found == status, answer
    assert fault in answer
    if status < 300 and b"file" in body:
        assert aws("s3").get_object(Bucket="models", Key="k")["Body"].read() == b"x"


def test_xml_that_is_none_is_refused(endpoint_url: str, aws: Any) -> None:
    aws("s3").create_bucket(Bucket="models")
    status, answer = posted(f"{endpoint_url}/models?delete", "s3", b"<x", Content_Type="application/xml")
    assert (status, "<Code>MalformedXML</Code>" in answer) == (400, True)


def test_a_decompression_bomb_is_refused(endpoint_url: str) -> None:
    bomb = gzip.compress(b"Action=PutMetricData&x=" + b"0" * (64 << 20))
    request = urllib.request.Request(
        endpoint_url,
        data=bomb,
        headers={
            "Authorization": "AWS4-HMAC-SHA256 Credential=x/20261130/us-east-1/monitoring/aws4_request, x",
            "Content-Encoding": "gzip",
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    with pytest.raises(urllib.error.HTTPError, match="413"):
        urllib.request.urlopen(request, timeout=60)


@pytest.mark.parametrize(
    ("service", "operation", "members"),
    [
        ("sagemaker", "list_contexts", {"ContextSummaries": []}),
        ("sagemaker", "list_inference_components", {"InferenceComponents": []}),
        ("sagemaker", "list_inference_recommendations_jobs", {"InferenceRecommendationsJobs": []}),
    ],
)
def test_what_is_not_there_is_an_empty_list(
    aws: Any, service: str, operation: str, members: dict[str, Any]
) -> None:
    answer = getattr(aws(service), operation)()
    del answer["ResponseMetadata"]
    assert answer == members


def test_an_operation_that_is_not_provided_is_refused_by_name(
    deploy: Any, cloudformation: Any, aws: Any
) -> None:
    deploy({"Resources": {"A": BUCKET}})
    with pytest.raises(ClientError, match="does not provide the operation DetectStackDrift"):
        cloudformation.detect_stack_drift(StackName="app")
    with pytest.raises(ClientError, match="does not provide the operation CreateHub"):
        aws("sagemaker").create_hub(HubName="h", HubDescription="d")


def test_a_use_of_an_operation_that_is_not_provided_is_refused(aws: Any) -> None:
    with pytest.raises(ClientError, match=r"does not provide this use of Tag: .*non-resource-group Arn"):
        aws("resource-groups").tag(Arn="arn:aws:resource-groups:us-east-1:123456789012:group/g", Tags={})


@pytest.mark.parametrize(
    ("operation", "body", "error", "fault"),
    [
        ("ListEndpoints", {"MaxResults": "x"}, "SerializationException", "MaxResults has the wrong type"),
        (
            "ListEndpoints",
            {"MaxResults": float("inf")},
            "SerializationException",
            "MaxResults has the wrong type",
        ),
        ("ListEndpoints", {"CreationTimeAfter": "x"}, "SerializationException", "CreationTimeAfter has"),
        (
            "CreateEndpoint",
            {"EndpointName": "e", "EndpointConfigName": []},
            "SerializationException",
            "EndpointConfigName has the wrong type",
        ),
        ("Nope", {}, "UnknownOperationException", "Could not find operation Nope"),
    ],
)
def test_json_that_no_operation_takes(
    endpoint_url: str, operation: str, body: dict[str, Any], error: str, fault: str
) -> None:
    more = {"Content_Type": "application/x-amz-json-1.1", "X_Amz_Target": f"SageMaker.{operation}"}
    status, answer = posted(endpoint_url, "sagemaker", json.dumps(body).encode(), **more)
    assert (status, json.loads(answer)["__type"]) == (400, error)
    assert fault in json.loads(answer)["Message"]


def test_an_unknown_action_is_refused(endpoint_url: str) -> None:
    body, kind = b"Action=%3Cb%3E&Version=2011-06-15", "application/x-www-form-urlencoded"
    status, answer = posted(endpoint_url, "sts", body, Content_Type=kind)
    assert (status, "<Code>InvalidAction</Code>" in answer, "<b>" in answer) == (400, True, False)


@pytest.mark.parametrize(
    ("method", "query", "error"),
    [
        ("GET", "?list-type=2&max-keys=x", "400 InvalidArgument"),
        ("GET", "?list-type=2&continuation-token=x", "400 InvalidArgument"),
        ("PUT", "/k?partNumber=1&uploadId=x", "404 NoSuchUpload"),
        ("PATCH", "/k", "405 MethodNotAllowed"),
    ],
)
def test_what_s3_does_not_take(endpoint_url: str, aws: Any, method: str, query: str, error: str) -> None:
    aws("s3").create_bucket(Bucket="models")
    for key in "xyz":
        aws("s3").put_object(Bucket="models", Key=key)
    request = urllib.request.Request(f"{endpoint_url}/models{query}", method=method, data=b"")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    status, code = error.split()
    assert (str(caught.value.code), f"<Code>{code}</Code>" in caught.value.read().decode()) == (status, True)


@pytest.mark.parametrize("policy", ["<x>", "[]", '{"Statement": "x"}', '{"Statement": [1]}'])
def test_a_malformed_bucket_policy_is_refused(aws: Any, policy: str) -> None:
    s3 = aws("s3")
    s3.create_bucket(Bucket="models")
    with pytest.raises(ClientError, match="MalformedPolicy"):
        s3.put_bucket_policy(Bucket="models", Policy=policy)
    s3.put_object(Bucket="models", Key="k", Body=b"x")
