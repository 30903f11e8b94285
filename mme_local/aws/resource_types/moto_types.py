"""Resource types that moto's own CloudFormation support creates."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from moto.core.common_models import CloudFormationModel

from mme_local.aws.resource_types.handler import (
    Physical,
    Properties,
    ResourceError,
    ResourceRequest,
    ResourceType,
)

# The types that are known to work through moto's own support. moto has more, but they are not verified.
MOTO_MODULES = {
    "AWS::CloudWatch::Dashboard": "moto.cloudwatch.models",
    "AWS::ECR::Repository": "moto.ecr.models",
    "AWS::SNS::Topic": "moto.sns.models",
    "AWS::SQS::Queue": "moto.sqs.models",
    "AWS::SSM::Parameter": "moto.ssm.models",
}
_LONGEST_NAME = 80  # SQS; the others allow more


def moto_type(type_name: str) -> MotoType:
    """Return the handler of a type of `MOTO_MODULES`."""
    import_module(MOTO_MODULES[type_name])
    models = CloudFormationModel.__subclasses__()
    return MotoType(next(model for model in models if model.cloudformation_type() == type_name))


@dataclass(frozen=True)
class MotoPhysical(Physical):
    """A resource that moto has created.

    Attributes:
        record: moto's record, which has the attributes.
    """

    record: Any = None

    def attribute(self, name: str) -> Any:
        """Return the value of Fn::GetAtt; KeyError if there is no such attribute."""
        if not type(self.record).has_cfn_attr(name):
            raise KeyError(name)
        return self.record.get_cfn_attribute(name)


class MotoType(ResourceType):
    """A type that moto creates.

    Args:
        model: moto's class of the type.
    """

    def __init__(self, model: type[CloudFormationModel]) -> None:
        self.model = model
        self.name_property = model.cloudformation_name_type() or None
        self.create_only = frozenset({self.name_property} if self.name_property else ())

    def replaces(self, before: Properties, after: Properties) -> bool:
        """Return whether the name changes or moto cannot update the type."""
        cannot_update = hasattr(self.model.update_from_cloudformation_json, "__isabstractmethod__")
        return cannot_update or super().replaces(before, after)

    def create(self, request: ResourceRequest) -> Physical:
        """Create it."""
        record = self.model.create_from_cloudformation_json(
            request.name(self.name_property or "", _LONGEST_NAME),
            self._definition(request),
            request.account,
            request.region,
            LogicalId=request.logical_id,
            StackId=request.stack_id,
            ResourceType=self.model.cloudformation_type(),
        )
        return _physical(record)

    def update(self, request: ResourceRequest) -> Physical:
        """Update it; moto returns the record, or nothing."""
        record = self.model.update_from_cloudformation_json(
            original_resource=_record(request),
            new_resource_name=request.properties.get(self.name_property or "") or request.physical.id,
            cloudformation_json=self._definition(request),
            account_id=request.account,
            region_name=request.region,
        )
        return _physical(record or _record(request))

    def delete(self, request: ResourceRequest) -> None:
        """Delete it, by moto's class or by the record itself."""
        delete = getattr(_record(request), "delete", None)
        if not hasattr(self.model.delete_from_cloudformation_json, "__isabstractmethod__"):
            self.model.delete_from_cloudformation_json(
                request.physical.id, self._definition(request), request.account, request.region
            )
        elif delete is not None:
            delete(request.account, request.region)
        else:
            raise ResourceError(f"Embedded AWS cannot delete {self.model.cloudformation_type()}")

    def _definition(self, request: ResourceRequest) -> dict[str, Any]:
        return {"Type": self.model.cloudformation_type(), "Properties": dict(request.properties)}


def _physical(record: Any) -> Physical:
    return MotoPhysical(str(record.physical_resource_id), record=record)


def _record(request: ResourceRequest) -> Any:
    physical: Any = request.physical
    return physical.record
