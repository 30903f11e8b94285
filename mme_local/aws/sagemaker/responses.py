"""SageMaker's hosting operations at moto's web layer."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import camelcase_to_underscores, get_service_model
from moto.sagemaker.exceptions import AWSValidationException
from moto.sagemaker.responses import SageMakerResponse

from mme_local.aws.constraints import broken_constraints, request_shape
from mme_local.aws.sagemaker.models import EmbeddedSageMaker

_PAGE: Final = 10  # SageMaker's default of MaxResults


class EmbeddedSageMakerResponse(SageMakerResponse):
    """moto's operations, and ours if moto has none or drops a part of the request."""

    @property
    def _ours(self) -> EmbeddedSageMaker:
        return cast(EmbeddedSageMaker, self.sagemaker_backend)

    def call_action(self) -> Any:
        """Answer the request; a list of what the embedded AWS does not have is empty."""
        operation, service = self._get_action(), get_service_model("sagemaker")
        ours = hasattr(self, camelcase_to_underscores(operation))
        if ours or not operation.startswith("List") or operation not in service.operation_names:
            return super().call_action()
        members = service.operation_model(operation).output_shape.members
        return self.serialized(ActionResult({n: [] for n, one in members.items() if one.type_name == "list"}))

    def _checked(self) -> dict[str, Any]:
        """Return the request. Raises AWSValidationException if a member breaks a constraint of the API."""
        request = self._get_params()
        if message := broken_constraints(request, request_shape("sagemaker", self._get_action())):
            raise AWSValidationException(message)
        return request

    def list_models(self) -> ActionResult:
        """ListModels with its filters, order and pages."""
        request = self._get_params()
        models = [model.response_object for model in self._ours.list_models()]
        kept = [
            {name: one[name] for name in ("ModelName", "ModelArn", "CreationTime")}
            for one in models
            if request.get("NameContains", "").lower() in one["ModelName"].lower()
            and _within(one["CreationTime"], request)
        ]
        by = "ModelName" if request.get("SortBy") == "Name" else "CreationTime"
        kept.sort(
            key=lambda one: str(one[by]), reverse=request.get("SortOrder", "Descending") == "Descending"
        )
        first = int(request.get("NextToken") or 0)
        last = first + int(request.get("MaxResults") or _PAGE)
        token = {"NextToken": str(last)} if last < len(kept) else {}
        return ActionResult({"Models": kept[first:last], **token})

    def create_model(self) -> ActionResult:
        return ActionResult({"ModelArn": self._ours.store_model(self._checked()).arn})

    def create_endpoint_config(self) -> ActionResult:
        config = self._ours.store_endpoint_config(self._checked())
        return ActionResult({"EndpointConfigArn": config.endpoint_config_arn})

    def create_endpoint(self) -> ActionResult:
        request = self._checked()
        endpoint = self._ours.create_endpoint(
            request["EndpointName"], request["EndpointConfigName"], request.get("Tags") or []
        )
        endpoint.last_deployment_config = request.get("DeploymentConfig")
        return ActionResult({"EndpointArn": endpoint.arn})

    def update_endpoint(self) -> ActionResult:
        return ActionResult({"EndpointArn": self._ours.update_endpoint(self._checked()).arn})

    def delete_endpoint(self) -> EmptyResult:
        self._ours.delete_endpoint(self._get_param("EndpointName"))
        return EmptyResult()


def _within(created: datetime, request: dict[str, Any]) -> bool:
    """Return whether a time is between CreationTimeAfter and CreationTimeBefore, all in UTC."""
    after, before = request.get("CreationTimeAfter"), request.get("CreationTimeBefore")
    return (after is None or created > after) and (before is None or created < before)
