"""An endpoint known by its name or ARN alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aws_cdk import Arn, ArnFormat, Token
from constructs import Construct

from mme_cdk._internal.expectations import TEXT, expect
from mme_cdk._internal.validation import known, require
from mme_cdk.endpoint.endpoint_base import EndpointBase
from mme_cdk.storage.model_store import ModelStore

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch


class ImportedEndpoint(EndpointBase):
    """An endpoint that another app, or nobody's, defines."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint_name: str | None,
        endpoint_arn: str | None,
        variant_name: str,
        models: ModelStore | None,
    ) -> None:
        require(
            "neither endpoint_name nor endpoint_arn is given: give one"
            if endpoint_name is None and endpoint_arn is None
            else None,
            expect("endpoint_arn", endpoint_arn, TEXT, optional=True),
            _arn_fault(endpoint_arn, endpoint_name),
            at=(scope, id),
        )
        parts = Arn.split(endpoint_arn, ArnFormat.SLASH_RESOURCE_NAME) if endpoint_arn else None
        super().__init__(
            scope,
            id,
            endpoint_name=(
                parts.resource_name if endpoint_name is None and parts is not None else endpoint_name
            ),
            variant_name=variant_name,
            models=models,
        )
        self._arn = endpoint_arn
        # What only deployment knows is taken to be here, as aws-cdk's own imports do.
        self._place_account = parts.account if parts and known(parts.account) else None
        self._place_region = parts.region if parts and known(parts.region) else None

    @property
    def endpoint_arn(self) -> str:
        """The ARN it was imported by, or the one made from its name."""
        return self._arn or super().endpoint_arn

    @property
    def _account(self) -> str:
        return self._place_account or super()._account

    @property
    def _region(self) -> str:
        return self._place_region or super()._region

    def _place(self, metric: aws_cloudwatch.Metric) -> aws_cloudwatch.Metric:
        if self._place_account is None and self._place_region is None:
            return super()._place(metric)
        return metric.with_(account=self._place_account, region=self._place_region)


def _arn_fault(arn: str | None, name: str | None) -> str | None:
    if not isinstance(arn, str) or Token.is_unresolved(arn):
        return None
    match = re.fullmatch(r"arn:[\w-]+:sagemaker:[\w-]+:\d{12}:endpoint/([^/]+)", arn)
    if match is None:
        return f"{arn} is not an endpoint's ARN: use arn:aws:sagemaker:REGION:ACCOUNT:endpoint/NAME"
    if name is not None and known(name) and name.lower() != match[1].lower():
        return f"endpoint_name {name} is not the name in {arn}: give one of them"
    return None
