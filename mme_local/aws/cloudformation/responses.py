"""The wire side of CloudFormation: requests in, AWS's members out. moto's web layer does the XML."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError
from flask import Flask
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.core.utils import convert_to_flask_response
from moto.moto_server.werkzeug_app import BackendRequest

from mme_local.aws.cloudformation import shapes
from mme_local.aws.cloudformation.faults import ValidationFault
from mme_local.aws.cloudformation.service import CloudFormationService, Submission, cloudformation_services
from mme_local.aws.cloudformation.template import Template


def web_application() -> Flask:
    """CloudFormation as a Flask application: every operation is a POST (or GET) of `/`."""
    web = Flask("cloudformation")
    web.request_class = BackendRequest
    web.add_url_rule(
        "/",
        endpoint="cloudformation",
        methods=["GET", "POST"],
        view_func=convert_to_flask_response(CloudFormationResponse.dispatch),
    )
    return web


class CloudFormationResponse(BaseResponse):
    """One request; each method is the API operation of that name."""

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    @property
    def _service(self) -> CloudFormationService:
        return cloudformation_services[self.current_account][self.region]

    # --- stacks

    def create_stack(self) -> ActionResult:
        """CreateStack."""
        self._refuse_partial_stacks()
        stack = self._service.create_stack(
            self._get_param("StackName"),
            self._submission(),
            termination_protection=bool(self._get_param("EnableTerminationProtection", False)),
        )
        return ActionResult({"StackId": stack.id})

    def update_stack(self) -> ActionResult:
        """UpdateStack."""
        self._refuse_partial_stacks()
        return ActionResult(
            {"StackId": self._service.update_stack(self._get_param("StackName"), self._submission()).id}
        )

    def delete_stack(self) -> EmptyResult:
        """DeleteStack."""
        self._service.delete_stack(self._get_param("StackName"), self._get_param("RetainResources") or [])
        return EmptyResult()

    def update_termination_protection(self) -> ActionResult:
        """UpdateTerminationProtection."""
        stack = self._service.stack(self._get_param("StackName"))
        stack.termination_protection = bool(self._get_param("EnableTerminationProtection"))
        return ActionResult({"StackId": stack.id})

    def describe_stacks(self) -> ActionResult:
        """DescribeStacks: one by name or id, or every live one."""
        name = self._get_param("StackName")
        stacks = [self._service.stack(name)] if name else self._service.live_stacks()
        return ActionResult({"Stacks": [shapes.stack(one) for one in stacks]})

    def list_stacks(self) -> ActionResult:
        """ListStacks."""
        wanted = self._get_param("StackStatusFilter") or []
        stacks = [one for one in list(self._service.stacks.values()) if not wanted or one.status in wanted]
        return ActionResult({"StackSummaries": [shapes.stack_summary(one) for one in stacks]})

    def describe_stack_events(self) -> ActionResult:
        """DescribeStackEvents, newest first."""
        stack = self._service.stack(self._get_param("StackName"))
        return ActionResult(
            {"StackEvents": [shapes.event(stack, one) for one in reversed(list(stack.events))]}
        )

    def describe_stack_resources(self) -> ActionResult:
        """DescribeStackResources, of one stack."""
        stack = self._service.stack(self._get_param("StackName"))
        wanted = self._get_param("LogicalResourceId")
        resources = [one for one in list(stack.resources.values()) if wanted in {None, one.logical_id}]
        return ActionResult({"StackResources": [shapes.resource(stack, one) for one in resources]})

    def describe_stack_resource(self) -> ActionResult:
        """DescribeStackResource."""
        stack = self._service.stack(self._get_param("StackName"))
        wanted = self._get_param("LogicalResourceId")
        if wanted not in stack.resources:
            raise ValidationFault(f"Resource {wanted} does not exist for stack {stack.name}")
        return ActionResult({"StackResourceDetail": shapes.resource(stack, stack.resources[wanted])})

    def list_stack_resources(self) -> ActionResult:
        """ListStackResources."""
        stack = self._service.stack(self._get_param("StackName"))
        resources = [shapes.resource(stack, one) for one in list(stack.resources.values())]
        return ActionResult({"StackResourceSummaries": resources})

    # --- templates

    def get_template(self) -> ActionResult:
        """GetTemplate: the text as it was sent, of the stack or of a change set."""
        name, change_set = self._get_param("StackName"), self._get_param("ChangeSetName")
        target = (
            self._service.change_set(change_set, name).target
            if change_set
            else self._service.stack(name).target
        )
        # a stack under review has an empty one
        body = target.template.body if target else ""
        return ActionResult({"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]})

    def get_template_summary(self) -> ActionResult:
        """GetTemplateSummary."""
        name = self._get_param("StackName")
        if name:
            target = self._service.stack(name).target
            if target is None:
                raise ValidationFault("GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.")
            return ActionResult(shapes.template_summary(target.template))
        return ActionResult(shapes.template_summary(self._given_template()))

    def validate_template(self) -> ActionResult:
        """ValidateTemplate: the form only, as AWS does."""
        return ActionResult(shapes.template_summary(self._given_template()))

    # --- change sets

    def create_change_set(self) -> ActionResult:
        """CreateChangeSet.

        `ImportExistingResources`, which `cdk bootstrap` sets, is taken and does nothing: a resource that
        exists already makes the deployment fail by name.
        """
        if self._get_param("ResourcesToImport") or self._get_param("ChangeSetType") == "IMPORT":
            raise ValidationFault("Embedded CloudFormation does not import resources")
        if self._get_param("DeploymentMode"):
            raise ValidationFault("Embedded CloudFormation does not look for drift; leave out DeploymentMode")
        change_set = self._service.create_change_set(
            self._get_param("StackName"),
            self._get_param("ChangeSetName"),
            self._get_param("ChangeSetType") or "UPDATE",
            self._submission(),
            self._get_param("Description"),
        )
        return ActionResult({"Id": change_set.id, "StackId": change_set.stack.id})

    def describe_change_set(self) -> ActionResult:
        """DescribeChangeSet."""
        change_set = self._service.change_set(self._get_param("ChangeSetName"), self._get_param("StackName"))
        return ActionResult(shapes.change_set(change_set))

    def list_change_sets(self) -> ActionResult:
        """ListChangeSets, of one stack."""
        stack = self._service.stack(self._get_param("StackName"))
        own = [one for one in list(self._service.change_sets.values()) if one.stack is stack]
        return ActionResult({"Summaries": [shapes.change_set_summary(one) for one in own]})

    def execute_change_set(self) -> EmptyResult:
        """ExecuteChangeSet."""
        self._refuse_partial_stacks()
        self._service.execute_change_set(self._get_param("ChangeSetName"), self._get_param("StackName"))
        return EmptyResult()

    def delete_change_set(self) -> EmptyResult:
        """DeleteChangeSet."""
        self._service.delete_change_set(self._get_param("ChangeSetName"), self._get_param("StackName"))
        return EmptyResult()

    # --- exports

    def list_exports(self) -> ActionResult:
        """ListExports."""
        exports = [
            {"ExportingStackId": stack.id, "Name": name, "Value": value}
            for stack, name, value in self._service.exports()
        ]
        return ActionResult({"Exports": exports})

    def list_imports(self) -> ActionResult:
        """ListImports."""
        export = self._get_param("ExportName")
        importers = self._service.importers(export)
        if not importers:
            raise ValidationFault(f"Export '{export}' is not imported by any stack.")
        return ActionResult({"Imports": importers})

    # --- reading the request

    def _submission(self) -> Submission:
        tags = self._get_param("Tags")
        return Submission(
            body=None if self._get_param("UsePreviousTemplate") else self._body(),
            parameters={
                one["ParameterKey"]: None if one.get("UsePreviousValue") else one.get("ParameterValue", "")
                for one in self._get_param("Parameters") or []
            },
            tags={one["Key"]: one["Value"] for one in tags} if tags else None,
            role_arn=self._get_param("RoleARN"),
            notification_arns=tuple(self._get_param("NotificationARNs") or ()),
        )

    def _given_template(self) -> Template:
        body = self._body()
        if body is None:
            raise ValidationFault("Either Template URL or Template Body must be specified.")
        return Template.parse(body)

    def _body(self) -> str | None:
        url = self._get_param("TemplateURL")
        text: str | None = self._get_param("TemplateBody")
        return self._stored_template(url) if url else text

    def _stored_template(self, url: str) -> str:
        """A template that was put to S3: the CDK CLI's way for anything but the smallest."""
        bucket, key = template_location(url)
        try:
            answer = self._service.aws.call("s3", "get_object", {"Bucket": bucket, "Key": key})
        except ClientError as error:
            raise ValidationFault(f"S3 error: {error.response['Error']['Message']}") from error
        return str(answer["Body"].read().decode())

    def _refuse_partial_stacks(self) -> None:
        """Say no, rather than nothing, to options that leave a failed stack half-way."""
        for option in ("DisableRollback", "OnFailure", "OnStackFailure"):
            value: Any = self._get_param(option)
            if value not in (None, False, "ROLLBACK"):
                raise ValidationFault(
                    f"Embedded CloudFormation always rolls back; leave out {option} = {value}"
                )


def template_location(url: str) -> tuple[str, str]:
    """Bucket and key of a template's URL, bucket in the path or in the host.

    Raises:
        ValidationFault: the URL does not name an object.
    """
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    # path style: localhost, s3.amazonaws.com, s3.us-east-1.amazonaws.com; else the bucket leads the host
    if host.startswith(("s3.", "s3-")) or ".s3" not in host:
        bucket, _, key = path.partition("/")
        if (
            "." in host
            and not host.endswith(("amazonaws.com", "amazonaws.com.cn"))
            and host.endswith(".localhost")
        ):
            bucket, key = host.removesuffix(".localhost"), path
    else:
        bucket, key = host.partition(".s3")[0], path
    if not bucket or not key:
        raise ValidationFault("S3 error: TemplateURL must be a valid S3 URL")
    return bucket, key
