"""Read the cloud assembly that `cdk synth` wrote.

Format: aws-cdk, `packages/@aws-cdk/cloud-assembly-schema`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mme.errors import MmeError

_STACK: Final = "aws:cloudformation:stack"
_NESTED: Final = "cdk:cloud-assembly"
_FILES: Final = {_STACK: "templateFile", _NESTED: "directoryName"}
"""The property of each kind of artifact that names its file or folder."""
_DEEPEST: Final = 20
"""Stages in stages."""
_UNKNOWN: Final = "unknown-"  # "unknown-region", "unknown-account": the deploying credentials decide


@dataclass(frozen=True)
class SynthesizedStack:
    """A stack to deploy.

    Attributes:
        display_name: Path in the app, which `cdk deploy` takes: `dev/Serving`.
        account: None if the deploying credentials decide.
        region: None if the deploying credentials decide.
        dependencies: Stacks that are deployed before it.
    """

    name: str
    display_name: str
    account: str | None
    region: str | None
    template: dict[str, Any]
    dependencies: tuple[SynthesizedStack, ...]


def find_stack(folder: Path, name: str, *, region: str | None, hint: str) -> SynthesizedStack:
    """Find a stack by its CloudFormation name, in any stage.

    Args:
        folder: The assembly, `cdk.out`.
        name: Name of the stack.
        region: Region of the stack, if several have the name.
        hint: Command that synthesizes it, for messages.

    Raises:
        MmeError: There is no assembly, no such stack, or several.
    """
    found: list[tuple[Path, str]] = []
    names: list[str] = []
    for directory, id, artifact in _stacks(folder, hint):
        names.append(_name(id, artifact))
        if names[-1] == name and (region is None or _place(artifact)[1] in (None, region)):
            found.append((directory, id))
    if not found and name in names:
        raise MmeError(
            f"the cloud assembly {folder} puts the stack {name} into another region than {region}",
            hint="remove --region and MME_REGION: the assembly has the region",
        )
    if not found:
        listed = ", ".join(dict.fromkeys(names)) or "none"
        raise MmeError(
            f"the stack {name} is not in the cloud assembly {folder}, which has {listed}",
            hint=f"synthesize it: {hint}; or name another with --env, --stack or --app",
        )
    if len(found) > 1:
        raise MmeError(
            f"the cloud assembly {folder} has {len(found)} stacks named {name}",
            hint="name the region of one with --region",
        )
    ((directory, id),) = found
    return _load(directory, _artifacts(directory, hint), id, {})


def every_stack(folder: Path, hint: str) -> tuple[SynthesizedStack, ...]:
    """Return all stacks of an assembly, with those of its stages, in the order of the manifest.

    Args:
        folder: The assembly, `cdk.out`.
        hint: Command that synthesizes it, for messages.

    Raises:
        MmeError: There is no assembly, or it can't be read.
    """
    loaded: dict[Path, dict[str, SynthesizedStack]] = {}
    return tuple(
        _load(directory, _artifacts(directory, hint), id, loaded.setdefault(directory, {}))
        for directory, id, _ in _stacks(folder, hint)
    )


def _stacks(folder: Path, hint: str, depth: int = 0) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    if depth > _DEEPEST:
        raise MmeError(f"the cloud assembly {folder} contains itself", hint=f"synthesize it again: {hint}")
    for id, artifact in _artifacts(folder, hint).items():
        if artifact.get("type") == _STACK:
            yield folder, id, artifact
        elif artifact.get("type") == _NESTED:
            yield from _stacks(folder / artifact["properties"]["directoryName"], hint, depth + 1)


def _artifacts(folder: Path, hint: str) -> dict[str, Any]:
    file = folder / "manifest.json"
    try:
        content = json.loads(file.read_text("utf-8"))
        artifacts: dict[str, Any] = content.get("artifacts", {})
        for artifact in artifacts.values():
            if artifact.get("type") in _FILES:
                str(artifact["properties"][_FILES[artifact["type"]]])
    except FileNotFoundError:
        raise MmeError(f"there is no cloud assembly in {folder}", hint=f"synthesize it: {hint}") from None
    except (AttributeError, KeyError, TypeError):
        raise MmeError(
            f"{file} is not the manifest of a cloud assembly", hint=f"synthesize it again: {hint}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MmeError(f"{file} can't be read: {reason}", hint=f"synthesize it again: {hint}") from error
    return artifacts


def _load(
    folder: Path, artifacts: dict[str, Any], id: str, loaded: dict[str, SynthesizedStack]
) -> SynthesizedStack:
    if id in loaded:
        return loaded[id]
    artifact = artifacts[id]
    file = folder / artifact["properties"]["templateFile"]
    try:
        template = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MmeError(f"the template {file} can't be read: {error}", hint="synthesize it again") from error
    resources = template.get("Resources", {}) if isinstance(template, dict) else None
    if not isinstance(resources, dict) or not all(isinstance(one, dict) for one in resources.values()):
        raise MmeError(f"{file} is not a CloudFormation template", hint="synthesize it again")
    account, region = _place(artifact)
    # Dependencies on stacks of other assemblies do not exist: a stage is whole.
    needed = [one for one in artifact.get("dependencies", []) if artifacts.get(one, {}).get("type") == _STACK]
    loaded[id] = SynthesizedStack(
        name=_name(id, artifact),
        display_name=artifact.get("displayName", id),
        account=account,
        region=region,
        template=template,
        dependencies=tuple(_load(folder, artifacts, one, loaded) for one in needed),
    )
    return loaded[id]


def all_stacks(stack: SynthesizedStack) -> tuple[SynthesizedStack, ...]:
    """Return the stack and all its dependencies in the order of deployment."""
    found: dict[str, SynthesizedStack] = {}

    def visit(one: SynthesizedStack) -> None:
        for dependency in one.dependencies:
            visit(dependency)
        found.setdefault(one.display_name, one)

    visit(stack)
    return tuple(found.values())


def _name(id: str, artifact: dict[str, Any]) -> str:
    return str(artifact["properties"].get("stackName", id))


def _place(artifact: dict[str, Any]) -> tuple[str | None, str | None]:
    """Parse `aws://ACCOUNT/REGION`."""
    account, _, region = str(artifact.get("environment", "")).removeprefix("aws://").partition("/")
    return tuple(None if not part or part.startswith(_UNKNOWN) else part for part in (account, region))  # type: ignore[return-value]
