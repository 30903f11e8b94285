"""Endpoints as the kind of value that props take."""

from __future__ import annotations

from mme_cdk._internal.expectations import kind_of
from mme_cdk.endpoint.endpoint_base import EndpointBase


def _way_out(value: object) -> str:
    if not isinstance(value, str):
        return "give a MultiModelEndpoint, or import one by EndpointBase.from_endpoint_name"
    how = "from_endpoint_arn" if value.startswith("arn:") else "from_endpoint_name"
    return f'use EndpointBase.{how}(self, "Id", "{value}")'


ENDPOINT = kind_of(EndpointBase, noun="an endpoint", way_out=_way_out)
