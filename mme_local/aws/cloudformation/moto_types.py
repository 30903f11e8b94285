"""Resource types that moto's own CloudFormation support makes, behind the same protocol as ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from moto.core.common_models import CloudFormationModel

from mme_local.aws.cloudformation.faults import ResourceFault
from mme_local.aws.cloudformation.resource import Physical, Properties, Request

# The types known to work through moto's own support, and moto's module for each. A type that is neither here
# nor ours is refused: moto knows more, but nobody has looked at whether they are right.
_MODULES = {
    "AWS::CloudWatch::Dashboard": "moto.cloudwatch.models",
    "AWS::ECR::Repository": "moto.ecr.models",
    "AWS::SNS::Topic": "moto.sns.models",
    "AWS::SQS::Queue": "moto.sqs.models",
    "AWS::SSM::Parameter": "moto.ssm.models",
}
_LONGEST_NAME = 80  # SQS; none of the others takes less


def moto_type(type_name: str) -> MotoType | None:
    """moto's support for a type, or None where it isn't in our list of those that work."""
    if type_name not in _MODULES:
        return None
    import_module(_MODULES[type_name])
    models = CloudFormationModel.__subclasses__()
    return MotoType(next(model for model in models if model.cloudformation_type() == type_name))


class _Attributes(Mapping[str, Any]):
    """A moto record's attributes, asked for one at a time as moto has no list of them."""

    def __init__(self, record: CloudFormationModel) -> None:
        self.record = record

    def __getitem__(self, name: str) -> Any:
        if not type(self.record).has_cfn_attr(name):
            raise KeyError(name)
        record: Any = self.record  # the method is each record's own, not the base class's
        return record.get_cfn_attribute(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class MotoType:
    """One type, made by moto's CloudFormationModel of it."""

    def __init__(self, model: type[CloudFormationModel]) -> None:
        self.model = model
        self.name_property = model.cloudformation_name_type() or None

    def replaces(self, before: Properties, after: Properties) -> bool:
        """When the name changes, or moto cannot update the type."""
        if self.name_property and before.get(self.name_property) != after.get(self.name_property):
            return True
        return hasattr(self.model.update_from_cloudformation_json, "__isabstractmethod__")

    def create(self, request: Request, properties: Properties) -> Physical:
        """Have moto make it."""
        name = properties.get(self.name_property or "") or request.generated_name(_LONGEST_NAME)
        record = self.model.create_from_cloudformation_json(
            name,
            self._definition(properties),
            request.account,
            request.region,
            LogicalId=request.logical_id,
            StackId=request.stack_id,
            ResourceType=self.model.cloudformation_type(),
        )
        return _physical(record)

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:  # noqa: ARG002
        """Have moto update it."""
        record = self.model.update_from_cloudformation_json(
            original_resource=_record(physical),
            new_resource_name=after.get(self.name_property or "") or physical.id,
            cloudformation_json=self._definition(after),
            account_id=request.account,
            region_name=request.region,
        )
        return _physical(record or _record(physical))

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:
        """Have moto delete it: some records delete themselves, others are deleted by their class."""
        record = _record(physical)
        own = getattr(record, "delete", None)
        if not hasattr(self.model.delete_from_cloudformation_json, "__isabstractmethod__"):
            self.model.delete_from_cloudformation_json(
                physical.id, self._definition(properties), request.account, request.region
            )
        elif own is not None:
            own(request.account, request.region)
        else:
            raise ResourceFault(f"Embedded AWS cannot delete {self.model.cloudformation_type()}")

    def _definition(self, properties: Properties) -> dict[str, Any]:
        return {"Type": self.model.cloudformation_type(), "Properties": dict(properties)}


def _physical(record: Any) -> Physical:
    return Physical(str(record.physical_resource_id), _Attributes(record))


def _record(physical: Physical) -> CloudFormationModel:
    attributes = physical.attributes
    assert isinstance(attributes, _Attributes)  # noqa: S101 - every Physical of ours was made by `_physical`
    return attributes.record
