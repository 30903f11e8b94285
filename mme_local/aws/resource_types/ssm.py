"""AWS::SSM::Parameter."""

from __future__ import annotations

from mme_local.aws.resource_types.api_type import ApiType, Calls
from mme_local.aws.resource_types.handler import Physical, ResourceRequest


class ParameterType(ApiType):
    """A parameter of Systems Manager. Ref is its name."""

    def update(self, request: ResourceRequest) -> Physical:
        """Put it again over the existing one."""
        given = request.without("Tags") | {"Name": request.physical.id}
        request.call("ssm", "put_parameter", **given, Overwrite=True)
        return super().update(request)


TYPES = {
    "AWS::SSM::Parameter": ParameterType(
        Calls("ssm", "put_parameter", "delete_parameter", "Name"),
        attributes={"Type": "{given[Type]}", "Value": "{given[Value]}"},
        named="Name",
    )
}
