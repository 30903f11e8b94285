"""CloudFormation's API operations. moto's web layer parses the requests and serializes the answers."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from flask import Flask
from moto.core.base_backend import BackendDict
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.core.utils import convert_to_flask_response
from moto.moto_server.werkzeug_app import BackendRequest

from mme_local.aws.clients import ClientFactory
from mme_local.aws.cloudformation.errors import ChangeSetNotFoundError, CloudFormationRequestError
from mme_local.aws.cloudformation.service import CloudFormationService, StackRequest
from mme_local.aws.cloudformation.stack import ChangeSet, Stack
from mme_local.aws.cloudformation.template import Template, check_size
from mme_local.aws.objects import ObjectMissing, open_object


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

    @property
    def _stack(self) -> Stack:
        return self._service.stack(self._get_param("StackName"))

    @property
    def _change_set(self) -> ChangeSet:
        return self._service.change_set(self._get_param("ChangeSetName"), self._get_param("StackName"))

    # --- stacks

    def create_stack(self) -> ActionResult:
        self._refuse_partial_stacks()
        stack = self._service.create_stack(self._stack_request())
        return ActionResult({"StackId": stack.id})

    def update_stack(self) -> ActionResult:
        self._refuse_partial_stacks()
        stack = self._service.update_stack(self._stack_request())
        return ActionResult({"StackId": stack.id})

    def delete_stack(self) -> EmptyResult:
        self._service.delete_stack(self._get_param("StackName"), self._get_param("RetainResources") or [])
        return EmptyResult()

    def continue_update_rollback(self) -> EmptyResult:
        self._service.continue_update_rollback(
            self._get_param("StackName"), self._get_param("ResourcesToSkip") or []
        )
        return EmptyResult()

    def update_termination_protection(self) -> ActionResult:
        stack = self._stack
        stack.enable_termination_protection = bool(self._get_param("EnableTerminationProtection"))
        return ActionResult({"StackId": stack.id})

    def describe_stacks(self) -> ActionResult:
        """DescribeStacks: one by name or id, or every live one."""
        stacks = [self._stack] if self._get_param("StackName") else self._service.live_stacks()
        return ActionResult({"Stacks": stacks})

    def list_stacks(self) -> ActionResult:
        wanted = self._get_param("StackStatusFilter") or []
        stacks = [one for one in list(self._service.stacks.values()) if not wanted or one.status in wanted]
        return ActionResult({"StackSummaries": stacks})

    def describe_stack_events(self) -> ActionResult:
        """DescribeStackEvents, newest first."""
        return ActionResult({"StackEvents": self._stack.events[::-1]})

    def describe_stack_resources(self) -> ActionResult:
        wanted, resources = self._get_param("LogicalResourceId"), list(self._stack.resources.values())
        chosen = [one for one in resources if wanted in {None, one.logical_resource_id}]
        return ActionResult({"StackResources": chosen})

    def describe_stack_resource(self) -> ActionResult:
        stack, wanted = self._stack, self._get_param("LogicalResourceId")
        if wanted not in stack.resources:
            raise CloudFormationRequestError(f"Resource {wanted} does not exist for stack {stack.name}")
        return ActionResult({"StackResourceDetail": stack.resources[wanted]})

    def list_stack_resources(self) -> ActionResult:
        return ActionResult({"StackResourceSummaries": list(self._stack.resources.values())})

    # --- templates

    def get_template(self) -> ActionResult:
        """GetTemplate: the template as it was sent, of the stack or of a change set."""
        target = self._change_set.target if self._get_param("ChangeSetName") else self._stack.target
        # a stack under review has an empty one
        body = target.template.body if target else ""
        return ActionResult({"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]})

    def get_template_summary(self) -> ActionResult:
        if not self._get_param("StackName"):
            return self.validate_template()
        target = self._stack.target
        if target is None:
            raise CloudFormationRequestError(
                "GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks."
            )
        return ActionResult(target.template.summary())

    def validate_template(self) -> ActionResult:
        """ValidateTemplate: only the form, as on AWS."""
        body = self._body()
        if body is None:
            raise CloudFormationRequestError("Either Template URL or Template Body must be specified.")
        return ActionResult(Template.parse(body).summary())

    # --- change sets

    def create_change_set(self) -> ActionResult:
        """CreateChangeSet.

        `ImportExistingResources`, which `cdk bootstrap` sets, has no effect: the deployment of a resource
        that exists already fails and names it.
        """
        if self._get_param("ResourcesToImport") or self._get_param("ChangeSetType") == "IMPORT":
            raise CloudFormationRequestError("Embedded CloudFormation does not import resources")
        if self._get_param("DeploymentMode"):
            raise CloudFormationRequestError(
                "Embedded CloudFormation does not detect drift; leave out DeploymentMode"
            )
        change_set = self._service.create_change_set(
            self._stack_request(),
            self._get_param("ChangeSetName"),
            self._get_param("ChangeSetType") or "UPDATE",
            self._get_param("Description"),
        )
        return ActionResult({"Id": change_set.id, "StackId": change_set.stack.id})

    def describe_change_set(self) -> ActionResult:
        return ActionResult(self._change_set)

    def list_change_sets(self) -> ActionResult:
        stack = self._stack
        own = [one for one in list(self._service.change_sets.values()) if one.stack is stack]
        return ActionResult({"Summaries": own})

    def execute_change_set(self) -> EmptyResult:
        self._refuse_partial_stacks()
        self._service.execute_change_set(self._change_set)
        return EmptyResult()

    def delete_change_set(self) -> EmptyResult:
        """DeleteChangeSet; one that does not exist is no error."""
        with suppress(ChangeSetNotFoundError):
            del self._service.change_sets[self._change_set.id]
        return EmptyResult()

    # --- exports

    def list_exports(self) -> ActionResult:
        exports = [
            {"ExportingStackId": stack.id, "Name": name, "Value": value}
            for stack, name, value in self._service.exports()
        ]
        return ActionResult({"Exports": exports})

    def list_imports(self) -> ActionResult:
        export = self._get_param("ExportName")
        importers = self._service.importers(export)
        if not importers:
            raise CloudFormationRequestError(f"Export '{export}' is not imported by any stack.")
        return ActionResult({"Imports": importers})

    # --- reading the request

    def _stack_request(self) -> StackRequest:
        tags = self._get_param("Tags")
        return StackRequest(
            name=self._get_param("StackName"),
            body=None if self._get_param("UsePreviousTemplate") else self._body(),
            parameters={
                one["ParameterKey"]: None if one.get("UsePreviousValue") else one.get("ParameterValue", "")
                for one in self._get_param("Parameters") or []
            },
            tags={one["Key"]: one["Value"] for one in tags} if tags else None,
            role_arn=self._get_param("RoleARN"),
            notification_arns=tuple(self._get_param("NotificationARNs") or ()),
            termination_protection=bool(self._get_param("EnableTerminationProtection", False)),
        )

    def _body(self) -> str | None:
        url = self._get_param("TemplateURL")
        text: str | None = self._get_param("TemplateBody")
        return self._stored_template(url) if url else text

    def _stored_template(self, url: str) -> str:
        """Read a template from S3, where the CDK CLI puts all but the smallest."""
        bucket, key = template_location(url)
        try:
            with open_object(bucket, key, account=self.current_account) as stored:
                check_size(stored.head.size)
                return b"".join(stored.body).decode()
        except ObjectMissing:
            raise CloudFormationRequestError(f"S3 error: there is no object s3://{bucket}/{key}") from None
        except UnicodeDecodeError as error:
            raise CloudFormationRequestError(f"Template format error: {error}") from None

    def _refuse_partial_stacks(self) -> None:
        """Refuse options that would leave a failed stack as it is."""
        for option in ("DisableRollback", "OnFailure", "OnStackFailure"):
            value: Any = self._get_param(option)
            if value not in (None, False, "ROLLBACK"):
                raise CloudFormationRequestError(
                    f"Embedded CloudFormation always rolls back; leave out {option} = {value}"
                )


def template_location(url: str) -> tuple[str, str]:
    """Return bucket and key of a template's URL, with the bucket in the path or in the host.

    Raises:
        CloudFormationRequestError: The URL does not name an object.
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
        raise CloudFormationRequestError("S3 error: TemplateURL must be a valid S3 URL")
    return bucket, key
