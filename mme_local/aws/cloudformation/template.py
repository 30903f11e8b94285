"""A template as a document: parsing, its sections, and which resource depends on which."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

import yaml  # type: ignore[import-untyped]

from mme_local.aws.cloudformation.faults import ValidationFault

Document = dict[str, Any]

# ${Name} or ${Name.Attribute}; ${!Name} is text
SUBSTITUTION = re.compile(r"\$\{([^!${}][^${}]*)\}")


class _CloudFormationLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (`!Ref X` for `{"Ref": "X"}`), and dates left as text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way to leave a resolver out
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _short_form(loader: _CloudFormationLoader, suffix: str, node: yaml.Node) -> Document:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - PyYAML has three kinds of node
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_CloudFormationLoader.add_multi_constructor("!", _short_form)


@dataclass(frozen=True)
class Template:
    """A parsed template.

    Attributes:
        body: the text as it was sent, which GetTemplate gives back.
        document: what the text says.
    """

    body: str
    document: Document

    @classmethod
    def parse(cls, body: str) -> Template:
        """Read JSON or YAML and check the template's form.

        Raises:
            ValidationFault: not a template, no resources, a reference to nothing, or a circle of references.
        """
        try:
            is_json = body.lstrip().startswith("{")
            document = json.loads(body) if is_json else yaml.load(body, _CloudFormationLoader)  # noqa: S506 - it is safe
        except (json.JSONDecodeError, yaml.YAMLError) as error:
            raise ValidationFault(f"Template format error: {error}") from error
        if not isinstance(document, dict):
            raise ValidationFault("Template format error: unsupported structure.")
        template = cls(body, document)
        template._check()
        return template

    def section(self, name: str) -> Document:
        """One top-level section; empty where the template has none."""
        return self.document.get(name) or {}

    @cached_property
    def resources(self) -> dict[str, Document]:
        """The resources by logical id, as written."""
        return self.section("Resources")

    @cached_property
    def outputs(self) -> dict[str, Document]:
        """The outputs by key, as written."""
        return self.section("Outputs")

    @property
    def description(self) -> str | None:
        """The template's description."""
        return self.document.get("Description")

    def dependencies(self, logical_id: str) -> set[str]:
        """The resources that this one names or waits for."""
        definition = self.resources[logical_id]
        waits_for = definition.get("DependsOn", [])
        explicit = {waits_for} if isinstance(waits_for, str) else set(waits_for)
        named = {name for name in references(definition.get("Properties", {})) if name in self.resources}
        return explicit | named

    def order(self, active: Collection[str]) -> list[str]:
        """`active` resources, each after those it depends on; otherwise in the order of the template."""
        graph = {name: self.dependencies(name) & set(active) for name in self.resources if name in active}
        return list(TopologicalSorter(graph).static_order())

    def _check(self) -> None:
        if not self.resources:
            raise ValidationFault("Template format error: At least one Resources member must be defined.")
        for logical_id, definition in self.resources.items():
            if not isinstance(definition, dict) or "Type" not in definition:
                raise ValidationFault(
                    f"Template format error: [/Resources/{logical_id}] "
                    "Every Resources member must contain a Type property."
                )
        known = {*self.resources, *self.section("Parameters")}
        for section in ("Resources", "Outputs"):
            for member in self.section(section).values():
                missing = [name for name in references(member) if name not in known and "::" not in name]
                missing += [name for name in _depends_on(member) if name not in self.resources]
                if missing:
                    raise ValidationFault(
                        f"Template format error: Unresolved resource dependencies [{', '.join(missing)}] "
                        f"in the {section} block of the template"
                    )
        try:
            self.order(self.resources)
        except CycleError as error:
            circle = ", ".join(sorted(set(error.args[1])))
            raise ValidationFault(f"Circular dependency between resources: [{circle}]") from error


def _depends_on(member: Document) -> list[str]:
    waits_for = member.get("DependsOn", [])
    return [waits_for] if isinstance(waits_for, str) else list(waits_for)


def references(value: Any) -> Iterator[str]:
    """Every logical name that `value` mentions by Ref, Fn::GetAtt or Fn::Sub."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    if not isinstance(value, dict):
        return
    for key, member in value.items():
        if key == "Ref" and isinstance(member, str):
            yield member
        elif key == "Fn::GetAtt":
            yield member.split(".", 1)[0] if isinstance(member, str) else member[0]
        elif key == "Fn::Sub":
            yield from _substituted(member)
        else:
            yield from references(member)


def _substituted(member: Any) -> Iterator[str]:
    text, given = (member[0], member[1]) if isinstance(member, list) else (member, {})
    yield from references(given)
    for name in SUBSTITUTION.findall(text):
        if name not in given:
            yield name.strip().split(".", 1)[0]
