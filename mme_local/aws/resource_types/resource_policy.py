"""One policy of several resources: what AWS::SNS::TopicPolicy and AWS::SQS::QueuePolicy share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

from mme_local.aws.resource_types.handler import Physical, ResourceRequest, ResourceType


class ResourcePolicyType(ResourceType):
    """A policy that is described but not evaluated. Without one, a resource is its owner's.

    Attributes:
        resources: The property that lists the resources.
        no_policy: The value that deletes a policy.
    """

    resources: str
    no_policy: Any

    def create(self, request: ResourceRequest) -> Physical:
        """Put the policy of each resource."""
        for resource in request.properties[self.resources]:
            self.put(request, resource, request.properties["PolicyDocument"])
        return Physical(request.name(None, 128))

    def update(self, request: ResourceRequest) -> Physical:
        """Put the policies again, and delete those of resources that are not listed any more."""
        self._clear(request, set(request.previous[self.resources]) - set(request.properties[self.resources]))
        self.create(request)
        return request.physical

    def delete(self, request: ResourceRequest) -> None:
        """Delete the policies of the resources that still exist."""
        self._clear(request, request.properties[self.resources])

    def put(self, request: ResourceRequest, resource: str, policy: Any) -> None:
        """Put a resource's policy.

        Args:
            request: Calls the service.
            resource: One of the listed resources.
            policy: The document, or `no_policy`.
        """
        raise NotImplementedError

    def _clear(self, request: ResourceRequest, resources: Iterable[str]) -> None:
        for resource in resources:
            try:
                self.put(request, resource, self.no_policy)
            except ClientError as error:
                if not {"NotFound", "NonExistentQueue"} & set(error.response["Error"]["Code"].split(".")):
                    raise
