"""A resource type that is mostly one create, one update and one delete call of its service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from mme_local.aws.resource_types.handler import Physical, ResourceRequest, ResourceType


class Calls(NamedTuple):
    """The operations of a type.

    Attributes:
        service: boto3's name of the service.
        create: Creates the resource.
        delete: Deletes it.
        member: The parameter of update and delete that takes the physical id.
    """

    service: str
    create: str
    delete: str
    member: str


class ApiType(ResourceType):
    """A type whose properties are the create call's parameters; `settle` does what the call does not.

    The physical id and the attributes are format strings over `name`, `account`, `region`, `given` (the
    properties), `answer` (of the create call) and, for the attributes, `id`.

    Args:
        calls: The operations.
        id: The physical id.
        update: The operation that takes the properties of an update, if any.
        attributes: The values of Fn::GetAtt.
        named: The property that fixes the name, for types that have one.
        longest: The longest name.
        lower: Whether a generated name is in lower case.
        fifo: The property that keeps messages in order, if any; it is an attribute of the create call, and a
            generated name ends with ".fifo".
        create_only: The properties whose change needs a new resource.
        renamed: The API's name of a property, if it is another one.
        separate: The properties that the create call does not take.
        provided: The supported properties; None leaves the check to the service.
        tagged: Whether the service has tags for the type.
        missing: A part of the error of a delete whose resource does not exist any more.
    """

    def __init__(
        self,
        calls: Calls,
        id: str = "{name}",
        *,
        update: str | None = None,
        attributes: Mapping[str, str] | None = None,
        named: str | None = None,
        longest: int = 255,
        lower: bool = False,
        fifo: str | None = None,
        create_only: Iterable[str] = (),
        renamed: Mapping[str, str] | None = None,
        separate: Iterable[str] = (),
        provided: Iterable[str] | None = None,
        tagged: bool = True,
        missing: str = "NotFound",
    ) -> None:
        self.calls = calls
        self.name_property = named
        self.create_only = frozenset([*create_only, *filter(None, (named, fifo))])
        self.provided = None if provided is None else self.create_only | {*provided, *separate}
        self._update = update
        self._id, self._attributes = id, attributes or {}
        self._longest, self._lower, self._tagged, self._missing = longest, lower, tagged, missing
        self._renamed = renamed or {}
        self._fifo = fifo
        self._separate = [*separate, *(["Tags"] if tagged else []), *([fifo] if fifo else [])]

    def create(self, request: ResourceRequest) -> Physical:
        """Create the resource, then its settings and tags; if one of these fails, delete it."""
        name = ""
        named: dict[str, Any] = {}
        if self.name_property:
            fifo = str(request.properties.get(self._fifo or "")).lower() == "true"
            ending = ".fifo" if fifo and not request.properties.get(self.name_property) else ""
            name = request.name(self.name_property, self._longest - len(ending), lower=self._lower) + ending
            named = {self.name_property: name, **({"Attributes": {self._fifo: "true"}} if fifo else {})}
        answer = self._call(self.calls.create, request, named)
        known: dict[str, Any] = {
            "account": request.account,
            "region": request.region,
            "given": defaultdict(str, request.properties),
            "answer": answer,
            "name": name,
        }
        known["id"] = self._id.format(**known)
        attributes = {name: text.format(**known) for name, text in self._attributes.items()}
        physical = Physical(str(known["id"]), attributes)
        try:
            self._finish(request, physical)
        except Exception:
            self.delete(replace(request, physical=physical))
            raise
        return physical

    def update(self, request: ResourceRequest) -> Physical:
        """Update the properties, settings and tags in place."""
        if self._update:
            self._call(self._update, request, {self.name_property or self.calls.member: request.physical.id})
        self._finish(request, request.physical)
        return request.physical

    def delete(self, request: ResourceRequest) -> None:
        """Delete the resource."""
        given = {self.calls.member: request.physical.id}
        request.call_unless(self._missing, self.calls.service, self.calls.delete, **given)

    def settle(self, request: ResourceRequest, id: str) -> None:
        """Put the settings that need calls of their own, after create and on update.

        Args:
            request: Has the wanted and the previous properties.
            id: The resource's physical id.
        """

    def _call(self, operation: str, request: ResourceRequest, named: Mapping[str, str]) -> dict[str, Any]:
        given = {**request.without(*self._separate), **named}
        parameters = {self._renamed.get(name, name): value for name, value in given.items()}
        return request.call(self.calls.service, operation, **parameters)

    def _finish(self, request: ResourceRequest, physical: Physical) -> None:
        self.settle(request, physical.id)
        if self._tagged:
            request.update_tags(self.calls.service, physical)
