"""AWS::SageMaker::Model, EndpointConfig and Endpoint.

Ref of each is its ARN; the name comes by Fn::GetAtt (CloudFormation user guide, return values of each type).
"""

from __future__ import annotations

from collections.abc import Callable

from botocore.exceptions import ClientError

from mme_local.aws.cloudformation.resource import Physical, Properties, Request, ResourceType, changed

_LONGEST_NAME = 63  # ModelName, EndpointConfigName and EndpointName


def _given(properties: Properties, name_member: str, name: str) -> Properties:
    return {**properties, name_member: name}


class _Immutable:
    """A record that SageMaker cannot change: every change makes a new one."""

    name_property: str | None

    def __init__(self, noun: str, member: str, arn_member: str) -> None:
        self._noun = noun
        self._arn_member = arn_member
        self._member = member
        self.name_property = member

    def replaces(self, before: Properties, after: Properties) -> bool:
        """Always."""
        return before != after

    def create(self, request: Request, properties: Properties) -> Physical:
        """Create the record, under a generated name unless the template fixes one."""
        name = properties.get(self._member) or request.generated_name(_LONGEST_NAME, with_stack=False)
        made = request.aws.call("sagemaker", f"create_{self._noun}", _given(properties, self._member, name))
        return Physical(made[self._arn_member], {self._member: name})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Never called, as `replaces` is always true."""
        raise NotImplementedError

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """Delete the record."""
        name = physical.attributes[self._member]
        _unless_missing(lambda: request.aws.call("sagemaker", f"delete_{self._noun}", {self._member: name}))


class Endpoint:
    """An endpoint: takes a new configuration in place, and keeps its name."""

    name_property = "EndpointName"

    # What UpdateEndpoint takes besides the name, in CloudFormation's spelling, which is the API's own.
    _UPDATE = frozenset(
        {
            "DeploymentConfig",
            "EndpointConfigName",
            "ExcludeRetainedVariantProperties",
            "RetainAllVariantProperties",
            "RetainDeploymentConfig",
        }
    )
    _CREATE = frozenset({"DeploymentConfig", "EndpointConfigName", "Tags"})

    def replaces(self, before: Properties, after: Properties) -> bool:
        """Only a change of the fixed name."""
        return before.get("EndpointName") != after.get("EndpointName")

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreateEndpoint."""
        name = properties.get("EndpointName") or request.generated_name(_LONGEST_NAME, with_stack=False)
        made = request.aws.call(
            "sagemaker",
            "create_endpoint",
            {"EndpointName": name, **_with_config_name(properties, self._CREATE)},
        )
        return Physical(made["EndpointArn"], {"EndpointName": name})

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """UpdateEndpoint where the configuration changes; the other properties say how, next time."""
        differing = changed(before, after)
        name = physical.attributes["EndpointName"]
        wanted = _with_config_name(after, self._UPDATE)
        live = request.aws.call("sagemaker", "describe_endpoint", {"EndpointName": name})
        if live["EndpointConfigName"] != wanted["EndpointConfigName"]:
            request.aws.call("sagemaker", "update_endpoint", {"EndpointName": name, **wanted})
        if "Tags" in differing:
            _retag(request, physical.id, before.get("Tags") or [], after.get("Tags") or [])
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteEndpoint."""
        name = physical.attributes["EndpointName"]
        _unless_missing(lambda: request.aws.call("sagemaker", "delete_endpoint", {"EndpointName": name}))


def _with_config_name(properties: Properties, members: frozenset[str]) -> Properties:
    """The members of an API call; CloudFormation takes the configuration's ARN (its Ref) for a name."""
    taken = {name: value for name, value in properties.items() if name in members}
    if "EndpointConfigName" in taken:
        taken["EndpointConfigName"] = str(taken["EndpointConfigName"]).rpartition("/")[2]
    return taken


def _retag(request: Request, arn: str, before: list[dict[str, str]], after: list[dict[str, str]]) -> None:
    gone = [tag["Key"] for tag in before if tag["Key"] not in {kept["Key"] for kept in after}]
    if gone:
        request.aws.call("sagemaker", "delete_tags", {"ResourceArn": arn, "TagKeys": gone})
    if after:
        request.aws.call("sagemaker", "add_tags", {"ResourceArn": arn, "Tags": after})


def _unless_missing(call: Callable[[], object]) -> None:
    """Run a delete; one of something already gone is done."""
    try:
        call()
    except ClientError as error:
        if not error.response["Error"]["Message"].startswith("Could not find"):
            raise


class EndpointConfig(_Immutable):
    """An endpoint configuration; CloudFormation takes a model's ARN (its Ref) where the API wants a name."""

    def __init__(self) -> None:
        super().__init__("endpoint_config", "EndpointConfigName", "EndpointConfigArn")

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreateEndpointConfig."""
        named = dict(properties)
        for member in ("ProductionVariants", "ShadowProductionVariants"):
            if member in named:
                named[member] = [_with_model_name(variant) for variant in named[member]]
        return super().create(request, named)


def _with_model_name(variant: Properties) -> Properties:
    model = variant.get("ModelName")
    return variant if model is None else {**variant, "ModelName": str(model).rpartition("/")[2]}


class Model(_Immutable):
    """A model: CreateModel with the template's properties, which are the API's own."""

    def __init__(self) -> None:
        super().__init__("model", "ModelName", "ModelArn")


TYPES: dict[str, Callable[[], ResourceType]] = {
    "AWS::SageMaker::Endpoint": Endpoint,
    "AWS::SageMaker::EndpointConfig": EndpointConfig,
    "AWS::SageMaker::Model": Model,
}
