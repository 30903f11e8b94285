"""CloudFormation's records as the members of its API's answers."""

from __future__ import annotations

from typing import Any

from mme_local.aws.cloudformation.resource import Deployed
from mme_local.aws.cloudformation.stack import ChangeSet, Event, PlannedChange, Stack, Target
from mme_local.aws.cloudformation.template import Template

Members = dict[str, Any]
_IAM_PREFIX = "AWS::IAM::"


def stack(one: Stack) -> Members:
    """A member of DescribeStacks."""
    return {
        "StackId": one.id,
        "StackName": one.name,
        "Description": one.target.template.description if one.target else None,
        "Parameters": _parameters(one.target),
        "CreationTime": one.created,
        "LastUpdatedTime": one.updated,
        "DeletionTime": one.deleted,
        "StackStatus": one.status,
        "StackStatusReason": one.status_reason,
        "DisableRollback": False,
        "NotificationARNs": one.notification_arns,
        "Capabilities": _capabilities(one.target.template) if one.target else [],
        "Outputs": [
            {
                "OutputKey": output.key,
                "OutputValue": output.value,
                "Description": output.description,
                "ExportName": output.export_name,
            }
            for output in one.outputs
        ],
        "RoleARN": one.role_arn,
        "Tags": _tags(one.tags),
        "EnableTerminationProtection": one.termination_protection,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def stack_summary(one: Stack) -> Members:
    """A member of ListStacks."""
    return {
        "StackId": one.id,
        "StackName": one.name,
        "TemplateDescription": one.target.template.description if one.target else None,
        "CreationTime": one.created,
        "LastUpdatedTime": one.updated,
        "DeletionTime": one.deleted,
        "StackStatus": one.status,
        "StackStatusReason": one.status_reason,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def event(owner: Stack, one: Event) -> Members:
    """A member of DescribeStackEvents."""
    return {
        "StackId": owner.id,
        "EventId": one.id,
        "StackName": owner.name,
        "LogicalResourceId": one.logical_id,
        "PhysicalResourceId": one.physical_id,
        "ResourceType": one.type_name,
        "Timestamp": one.timestamp,
        "ResourceStatus": one.status,
        "ResourceStatusReason": one.reason,
    }


def resource(owner: Stack, one: Deployed) -> Members:
    """A member of the operations that describe or list a stack's resources."""
    return {
        "StackName": owner.name,
        "StackId": owner.id,
        "LogicalResourceId": one.logical_id,
        "PhysicalResourceId": one.physical.id,
        "ResourceType": one.type_name,
        "Timestamp": one.timestamp,
        "LastUpdatedTimestamp": one.timestamp,
        "ResourceStatus": one.status,
        "ResourceStatusReason": one.reason,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def change_set(one: ChangeSet) -> Members:
    """DescribeChangeSet's answer."""
    return {
        **change_set_summary(one),
        "Parameters": _parameters(one.target),
        "NotificationARNs": one.stack.notification_arns,
        "Capabilities": _capabilities(one.target.template),
        "Tags": _tags(one.target.tags),
        "Changes": [{"Type": "Resource", "ResourceChange": _change(change)} for change in one.changes],
        "OnStackFailure": "ROLLBACK",
    }


def change_set_summary(one: ChangeSet) -> Members:
    """A member of ListChangeSets."""
    return {
        "ChangeSetName": one.name,
        "ChangeSetId": one.id,
        "StackId": one.stack.id,
        "StackName": one.stack.name,
        "Description": one.description,
        "CreationTime": one.created,
        "ExecutionStatus": one.execution_status,
        "Status": one.status,
        "StatusReason": one.status_reason,
        "IncludeNestedStacks": False,
    }


def _change(one: PlannedChange) -> Members:
    members: Members = {
        "Action": one.action,
        "LogicalResourceId": one.logical_id,
        "PhysicalResourceId": one.physical_id,
        "ResourceType": one.type_name,
        "Scope": ["Properties"] if one.properties else [],
        "Details": [
            {
                "Target": {
                    "Attribute": "Properties",
                    "Name": name,
                    "RequiresRecreation": "Always" if one.replacement else "Never",
                },
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }
            for name in one.properties
        ],
    }
    if one.replacement is not None:
        members["Replacement"] = str(one.replacement)
    return members


def template_summary(template: Template) -> Members:
    """The answer of GetTemplateSummary and ValidateTemplate."""
    capabilities = _capabilities(template)
    return {
        "Description": template.description,
        "Metadata": None,
        "Version": template.document.get("AWSTemplateFormatVersion"),
        "ResourceTypes": sorted({definition["Type"] for definition in template.resources.values()}),
        "Capabilities": capabilities,
        "CapabilitiesReason": (
            f"The following resource(s) require capabilities: {capabilities}" if capabilities else None
        ),
        "Parameters": [
            {
                "ParameterKey": name,
                "ParameterType": slot.get("Type", "String"),
                "DefaultValue": str(slot["Default"]) if "Default" in slot else None,
                "NoEcho": bool(slot.get("NoEcho", False)),
                "Description": slot.get("Description"),
                "ParameterConstraints": {
                    "AllowedValues": [str(value) for value in slot.get("AllowedValues", [])]
                },
            }
            for name, slot in template.section("Parameters").items()
        ],
    }


def _parameters(target: Target | None) -> list[Members]:
    if target is None:
        return []
    return [
        {
            "ParameterKey": name,
            "ParameterValue": _shown(name, target),
            "ResolvedValue": _resolved(name, target),
        }
        for name in target.parameters
    ]


def _shown(name: str, target: Target) -> str:
    slot = target.template.section("Parameters")[name]
    return "****" if slot.get("NoEcho") else str(target.given.get(name, slot.get("Default", "")))


def _resolved(name: str, target: Target) -> str | None:
    """What a parameter read from Systems Manager came out as."""
    slot = target.template.section("Parameters")[name]
    return str(target.parameters[name]) if str(slot.get("Type")).startswith("AWS::SSM::") else None


def _tags(tags: Any) -> list[Members]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _capabilities(template: Template) -> list[str]:
    iam = [one for one in template.resources.values() if one["Type"].startswith(_IAM_PREFIX)]
    named = {"RoleName", "ManagedPolicyName", "UserName", "GroupName"}
    if not iam:
        return []
    fixed = any(named & set(one.get("Properties", {})) for one in iam)
    return ["CAPABILITY_NAMED_IAM" if fixed else "CAPABILITY_IAM"]
