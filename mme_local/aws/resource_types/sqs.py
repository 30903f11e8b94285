"""AWS::SQS::QueuePolicy; moto creates the queues themselves."""

from __future__ import annotations

import json

from mme_local.aws.resource_types.handler import Physical, ResourceRequest, ResourceType


class QueuePolicyType(ResourceType):
    """The policy of one or more queues, which is described but not evaluated."""

    def create(self, request: ResourceRequest) -> Physical:
        for queue in request.properties["Queues"]:
            self._set(request, queue, json.dumps(request.properties["PolicyDocument"]))
        return Physical(request.name("", 128))

    def update(self, request: ResourceRequest) -> Physical:
        """Queues that are gone have no policy any more."""
        self._clear(request, set(request.previous["Queues"]) - set(request.properties["Queues"]))
        self.create(request)
        return request.physical

    def delete(self, request: ResourceRequest) -> None:
        """Without a policy, the queues are their owner's."""
        self._clear(request, set(request.properties["Queues"]))

    def _clear(self, request: ResourceRequest, queues: set[str]) -> None:
        urls = request.call("sqs", "list_queues").get("QueueUrls", [])
        existing = {url.rpartition("/")[2] for url in urls}  # the host differs between callers
        for queue in queues:
            if queue.rpartition("/")[2] in existing:
                self._set(request, queue, "")

    def _set(self, request: ResourceRequest, queue: str, policy: str) -> None:
        request.call("sqs", "set_queue_attributes", QueueUrl=queue, Attributes={"Policy": policy})
