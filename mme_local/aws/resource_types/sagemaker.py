"""AWS::SageMaker::Model, EndpointConfig and Endpoint.

Ref of each is its ARN; the name is an attribute (CloudFormation user guide, return values of each type).
"""

from __future__ import annotations

from mme_local.aws.resource_types.handler import Physical, Properties, ResourceRequest, ResourceType

_LONGEST_NAME = 63  # ModelName, EndpointConfigName and EndpointName
_MISSING = "Could not find"


class ModelType(ResourceType):
    """A model; SageMaker cannot change one, so every change creates another."""

    name_property: str = "ModelName"
    _NOUN = "model"

    def replaces(self, before: Properties, after: Properties) -> bool:
        """Return whether anything changes."""
        return before != after

    def create(self, request: ResourceRequest) -> Physical:
        member = self.name_property
        name = request.name(member, _LONGEST_NAME, with_stack=False)
        given = {**self._members(request), member: name}
        created = request.call("sagemaker", f"create_{self._NOUN}", **given)
        return Physical(created[member.replace("Name", "Arn")], {member: name})

    def delete(self, request: ResourceRequest) -> None:
        name = {self.name_property: request.physical.attributes[self.name_property]}
        request.call_unless(_MISSING, "sagemaker", f"delete_{self._NOUN}", **name)

    def _members(self, request: ResourceRequest) -> Properties:
        return request.properties


class EndpointConfigType(ModelType):
    """An endpoint configuration, which cannot change either."""

    name_property = "EndpointConfigName"
    _NOUN = "endpoint_config"

    def _members(self, request: ResourceRequest) -> Properties:
        members = dict(request.properties)
        for name in ("ProductionVariants", "ShadowProductionVariants"):
            if name in members:
                members[name] = [_with_name(variant, "ModelName") for variant in members[name]]
        return members


class EndpointType(ResourceType):
    """An endpoint, which takes a new configuration in place."""

    name_property = "EndpointName"
    create_only = frozenset({"EndpointName"})

    def create(self, request: ResourceRequest) -> Physical:
        name = request.name("EndpointName", _LONGEST_NAME, with_stack=False)
        given = _with_name(
            request.select("DeploymentConfig", "EndpointConfigName", "Tags"), "EndpointConfigName"
        )
        arn = request.call("sagemaker", "create_endpoint", EndpointName=name, **given)["EndpointArn"]
        return Physical(arn, {"EndpointName": name})

    def update(self, request: ResourceRequest) -> Physical:
        """UpdateEndpoint if the configuration changes; the other properties apply to the next update."""
        name = request.physical.attributes["EndpointName"]
        wanted = _with_name(request.without("EndpointName", "Tags"), "EndpointConfigName")
        live = request.call("sagemaker", "describe_endpoint", EndpointName=name)
        if live["EndpointConfigName"] != wanted["EndpointConfigName"]:
            request.call("sagemaker", "update_endpoint", EndpointName=name, **wanted)
        request.update_tags("sagemaker", request.physical)
        return request.physical

    def delete(self, request: ResourceRequest) -> None:
        name = request.physical.attributes["EndpointName"]
        request.call_unless(_MISSING, "sagemaker", "delete_endpoint", EndpointName=name)


def _with_name(members: Properties, member: str) -> Properties:
    """Replace an ARN (a Ref), which CloudFormation accepts, with the name that the API requires."""
    return members | {member: str(members[member]).rpartition("/")[2]} if member in members else members


TYPES = {
    "AWS::SageMaker::Endpoint": EndpointType(),
    "AWS::SageMaker::EndpointConfig": EndpointConfigType(),
    "AWS::SageMaker::Model": ModelType(),
}
