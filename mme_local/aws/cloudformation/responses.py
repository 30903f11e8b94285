"""CloudFormation's API operations. moto's web layer parses the requests and serializes the answers."""

from __future__ import annotations

from functools import partial
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError
from flask import Flask
from moto.core.base_backend import BackendDict
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.core.utils import convert_to_flask_response
from moto.moto_server.werkzeug_app import BackendRequest

from mme_local.aws.clients import ClientFactory
from mme_local.aws.cloudformation.errors import InvalidRequestError
from mme_local.aws.cloudformation.service import CloudFormationService, Submission
from mme_local.aws.cloudformation.template import Template


def web_application(clients_of: ClientFactory) -> Flask:
    """Create CloudFormation's web application, in which every operation is a POST or GET of `/`.

    Args:
        clients_of: Returns the clients that resource handlers call.
    """
    factory = cast("type[CloudFormationService]", partial(CloudFormationService, clients_of))
    services = BackendDict(factory, "cloudformation")

    def dispatch(*request: Any) -> Any:
        return CloudFormationResponse(services)._dispatch(*request)

    web = Flask("cloudformation")
    web.request_class = BackendRequest
    web.add_url_rule(
        "/",
        endpoint="cloudformation",
        methods=["GET", "POST"],
        view_func=convert_to_flask_response(dispatch),
    )
    return web


class CloudFormationResponse(BaseResponse):
    """One request; each method is the API operation of that name.

    Args:
        services: By account and region.
    """

    def __init__(self, services: BackendDict[CloudFormationService]) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True
        self._services = services

    @property
    def _service(self) -> CloudFormationService:
        return self._services[self.current_account][self.region]

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
        stack.enable_termination_protection = bool(self._get_param("EnableTerminationProtection"))
        return ActionResult({"StackId": stack.id})

    def describe_stacks(self) -> ActionResult:
        """DescribeStacks: one by name or id, or every live one."""
        name = self._get_param("StackName")
        stacks = [self._service.stack(name)] if name else self._service.live_stacks()
        return ActionResult({"Stacks": stacks})

    def list_stacks(self) -> ActionResult:
        """ListStacks."""
        wanted = self._get_param("StackStatusFilter") or []
        stacks = [one for one in list(self._service.stacks.values()) if not wanted or one.status in wanted]
        return ActionResult({"StackSummaries": stacks})

    def describe_stack_events(self) -> ActionResult:
        """DescribeStackEvents, newest first."""
        stack = self._service.stack(self._get_param("StackName"))
        return ActionResult({"StackEvents": stack.events[::-1]})

    def describe_stack_resources(self) -> ActionResult:
        """DescribeStackResources, of one stack."""
        stack = self._service.stack(self._get_param("StackName"))
        wanted = self._get_param("LogicalResourceId")
        resources = [
            one for one in list(stack.resources.values()) if wanted in {None, one.logical_resource_id}
        ]
        return ActionResult({"StackResources": resources})

    def describe_stack_resource(self) -> ActionResult:
        """DescribeStackResource."""
        stack = self._service.stack(self._get_param("StackName"))
        wanted = self._get_param("LogicalResourceId")
        if wanted not in stack.resources:
            raise InvalidRequestError(f"Resource {wanted} does not exist for stack {stack.name}")
        return ActionResult({"StackResourceDetail": stack.resources[wanted]})

    def list_stack_resources(self) -> ActionResult:
        """ListStackResources."""
        stack = self._service.stack(self._get_param("StackName"))
        return ActionResult({"StackResourceSummaries": list(stack.resources.values())})

    # --- templates

    def get_template(self) -> ActionResult:
        """GetTemplate: the template as it was sent, of the stack or of a change set."""
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
                raise InvalidRequestError("GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.")
            return ActionResult(target.template.summary())
        return ActionResult(self._given_template().summary())

    def validate_template(self) -> ActionResult:
        """ValidateTemplate: only the form, as on AWS."""
        return ActionResult(self._given_template().summary())

    # --- change sets

    def create_change_set(self) -> ActionResult:
        """CreateChangeSet.

        `ImportExistingResources`, which `cdk bootstrap` sets, has no effect: the deployment of a resource
        that exists already fails and names it.
        """
        if self._get_param("ResourcesToImport") or self._get_param("ChangeSetType") == "IMPORT":
            raise InvalidRequestError("Embedded CloudFormation does not import resources")
        if self._get_param("DeploymentMode"):
            raise InvalidRequestError(
                "Embedded CloudFormation does not detect drift; leave out DeploymentMode"
            )
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
        return ActionResult(change_set)

    def list_change_sets(self) -> ActionResult:
        """ListChangeSets, of one stack."""
        stack = self._service.stack(self._get_param("StackName"))
        own = [one for one in list(self._service.change_sets.values()) if one.stack is stack]
        return ActionResult({"Summaries": own})

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
            raise InvalidRequestError(f"Export '{export}' is not imported by any stack.")
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
            raise InvalidRequestError("Either Template URL or Template Body must be specified.")
        return Template.parse(body)

    def _body(self) -> str | None:
        url = self._get_param("TemplateURL")
        text: str | None = self._get_param("TemplateBody")
        return self._stored_template(url) if url else text

    def _stored_template(self, url: str) -> str:
        """Read a template from S3, where the CDK CLI puts all but the smallest."""
        bucket, key = template_location(url)
        try:
            answer = self._service.clients.call("s3", "get_object", {"Bucket": bucket, "Key": key})
        except ClientError as error:
            raise InvalidRequestError(f"S3 error: {error.response['Error']['Message']}") from error
        return str(answer["Body"].read().decode())

    def _refuse_partial_stacks(self) -> None:
        """Refuse options that would leave a failed stack as it is."""
        for option in ("DisableRollback", "OnFailure", "OnStackFailure"):
            value: Any = self._get_param(option)
            if value not in (None, False, "ROLLBACK"):
                raise InvalidRequestError(
                    f"Embedded CloudFormation always rolls back; leave out {option} = {value}"
                )


def template_location(url: str) -> tuple[str, str]:
    """Return bucket and key of a template's URL, with the bucket in the path or in the host.

    Raises:
        InvalidRequestError: The URL does not name an object.
    """
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    if host.endswith(".localhost"):
        bucket, key = host.removesuffix(".localhost"), path
    elif host.startswith(("s3.", "s3-")) or ".s3" not in host:  # s3.us-east-1.amazonaws.com, localhost
        bucket, _, key = path.partition("/")
    else:
        bucket, key = host.partition(".s3")[0], path
    if not bucket or not key:
        raise InvalidRequestError("S3 error: TemplateURL must be a valid S3 URL")
    return bucket, key
