"""A template as a document: its sections, its form, and which resource depends on which."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

import yaml  # type: ignore[import-untyped]

from mme.aws.template_resolver import references
from mme_local.aws.cloudformation.errors import CloudFormationRequestError

Document = dict[str, Any]

MALFORMED = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What a section or function of an unexpected form raises if it is used."""
_MOST_BYTES = 1024 * 1024  # CloudFormation user guide, "Quotas": a template in an S3 object
_MOST_NESTED = 100
_TOO_DEEP = f"nested more than {_MOST_NESTED} levels deep"
_SECTIONS = ("Conditions", "Mappings", "Outputs", "Parameters", "Resources", "Rules")
_NAMES_OF_IAM = {"RoleName", "ManagedPolicyName", "UserName", "GroupName"}


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times faster


class _CloudFormationLoader(_Loader):
    """YAML with CloudFormation's short forms (`!Ref X` for `{"Ref": "X"}`), and dates as strings."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - how PyYAML leaves a resolver out
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors = {  # noqa: RUF012 - those of JSON's types
        tag: construct
        for tag, construct in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in {"null", "bool", "int", "float", "str", "seq", "map"}
    }


def _short_form(loader: _CloudFormationLoader, suffix: str, node: yaml.Node) -> Document:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_CloudFormationLoader.add_multi_constructor("!", _short_form)


@dataclass(frozen=True)
class Template:
    """A parsed template.

    Attributes:
        body: The template as it was sent, which GetTemplate returns.
        document: The parsed body.
    """

    body: str
    document: Document

    @classmethod
    def parse(cls, body: str) -> Template:
        """Read JSON or YAML and check the template's form.

        Raises:
            CloudFormationRequestError: Not a template, no resources, an unresolved reference or a circular
                one.
        """
        check_size(len(body.encode()))
        try:
            is_json = body.lstrip().startswith("{")
            document = _read_json(body) if is_json else _read_yaml(body)
            if not isinstance(document, dict):
                raise CloudFormationRequestError("Template format error: unsupported structure.")
            _check_depth(document)
            template = cls(body, document)
            template._check()
        except yaml.YAMLError as error:
            raise CloudFormationRequestError(
                f"Template format error: {' '.join(str(error).split())}"
            ) from error
        except MALFORMED as error:
            raise malformed(error) from error
        return template

    def section(self, name: str) -> Document:
        """Return a top-level section, or an empty one."""
        return self.document.get(name) or {}

    @property
    def resources(self) -> dict[str, Document]:
        """The resources by logical id, as written."""
        return self.section("Resources")

    @property
    def description(self) -> str | None:
        """The template's description."""
        return self.document.get("Description")

    @property
    def capabilities(self) -> list[str]:
        """The capabilities that AWS requires for the template."""
        iam = [one for one in self.resources.values() if one["Type"].startswith("AWS::IAM::")]
        if any(_NAMES_OF_IAM & set(one.get("Properties", {})) for one in iam):
            return ["CAPABILITY_NAMED_IAM"]
        return ["CAPABILITY_IAM"] if iam else []

    def dependencies(self, logical_id: str) -> set[str]:
        """Return the resources that this one refers to or waits for."""
        definition = self.resources[logical_id]
        names = {name for name in references(definition.get("Properties", {})) if name in self.resources}
        return names.union(_depends_on(definition))

    def order(self, active: Collection[str]) -> list[str]:
        """Return `active` with each resource after its dependencies, otherwise in the template's order."""
        graph = {name: self.dependencies(name) & set(active) for name in self.resources if name in active}
        return list(TopologicalSorter(graph).static_order())

    def summary(self) -> Document:
        """Return the answer of GetTemplateSummary and ValidateTemplate."""
        needed = f"The following resource(s) require capabilities: {self.capabilities}"
        return {
            "Description": self.description,
            "Version": self.document.get("AWSTemplateFormatVersion"),
            "ResourceTypes": sorted({definition["Type"] for definition in self.resources.values()}),
            "Capabilities": self.capabilities,
            "CapabilitiesReason": needed if self.capabilities else None,
            "Parameters": [
                {
                    "ParameterKey": name,
                    "ParameterType": slot.get("Type", "String"),
                    "DefaultValue": str(slot["Default"]) if "Default" in slot else None,
                    "NoEcho": bool(slot.get("NoEcho", False)),
                    "Description": slot.get("Description"),
                    "ParameterConstraints": {"AllowedValues": list(map(str, slot.get("AllowedValues", [])))},
                }
                for name, slot in self.section("Parameters").items()
            ],
        }

    def _check(self) -> None:
        for section in _SECTIONS:
            members = self.section(section)
            if not isinstance(members, dict) or not all(isinstance(name, str) for name in members):
                raise CloudFormationRequestError(f"Template format error: [/{section}] must be an object")
            for name, member in members.items():
                if section != "Resources" and not isinstance(member, dict):
                    raise CloudFormationRequestError(
                        f"Template format error: [/{section}/{name}] must be an object"
                    )
        if not self.resources:
            raise CloudFormationRequestError(
                "Template format error: At least one Resources member must be defined."
            )
        for logical_id, definition in self.resources.items():
            if not isinstance(definition, dict) or not isinstance(definition.get("Type"), str):
                raise CloudFormationRequestError(
                    f"Template format error: [/Resources/{logical_id}] "
                    "Every Resources member must contain a Type property."
                )
            waits_for = definition.get("DependsOn", [])
            if not isinstance(definition.get("Properties") or {}, dict) or not (
                isinstance(waits_for, str) or _is_list_of_strings(waits_for)
            ):
                raise CloudFormationRequestError(
                    f"Template format error: [/Resources/{logical_id}] Properties must be an object, and "
                    "DependsOn a logical id or a list of them"
                )
        self._check_references()
        try:
            self.order(self.resources)
        except CycleError as error:
            cycle = ", ".join(sorted(set(error.args[1])))
            raise CloudFormationRequestError(f"Circular dependency between resources: [{cycle}]") from error

    def _check_references(self) -> None:
        parameters = self.section("Parameters")
        for section in ("Resources", "Outputs"):
            for member in self.section(section).values():
                names = [name for name in references(member) if name not in parameters and "::" not in name]
                missing = [name for name in (*names, *_depends_on(member)) if name not in self.resources]
                if missing:
                    raise CloudFormationRequestError(
                        f"Template format error: Unresolved resource dependencies [{', '.join(missing)}] "
                        f"in the {section} block of the template"
                    )
        for section in ("Conditions", "Rules"):
            if any(name in self.resources for name in references(self.section(section))):
                raise CloudFormationRequestError(
                    "Template format error: conditions and rules cannot refer to resources"
                )


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _read_yaml(body: str) -> Any:
    """Read YAML without aliases, which CloudFormation refuses and which could grow without end."""
    depth = 0
    for event in yaml.parse(body, _CloudFormationLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_NESTED:
            raise yaml.YAMLError(_TOO_DEEP)
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("YAML aliases are not allowed in CloudFormation templates")
    return yaml.load(body, _CloudFormationLoader)  # noqa: S506 - a SafeLoader


def _read_json(body: str) -> Any:
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def malformed(error: Exception) -> CloudFormationRequestError:
    """Return the refusal of a template that raised one of `MALFORMED`."""
    reason = str(error) if isinstance(error, ValueError) else f"unsupported structure: {error!r}"
    if isinstance(error, RecursionError):
        reason = "its parts refer to each other in a circle"
    return CloudFormationRequestError(f"Template format error: {reason}")


def check_size(size: int) -> None:
    """Refuse a template of more than 1 MiB; `size` is in bytes."""
    if size > _MOST_BYTES:
        raise CloudFormationRequestError(
            f"Template may not exceed {_MOST_BYTES} bytes in size; it has {size}."
        )


def _check_depth(document: Any) -> None:
    """Refuse deep nesting, level by level, so that the functions that follow can recurse."""
    level = [document]
    for _ in range(_MOST_NESTED):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise CloudFormationRequestError(f"Template format error: {_TOO_DEEP}")


def _depends_on(member: Document) -> list[str]:
    waits_for = member.get("DependsOn", [])
    return [waits_for] if isinstance(waits_for, str) else list(waits_for)
