"""AWS::SQS::QueuePolicy; moto makes the queues themselves."""

from __future__ import annotations

import json
from collections.abc import Callable

from mme_local.aws.cloudformation.resource import Physical, Properties, Request, ResourceType


class QueuePolicy:
    """The policy of one or more queues: kept and described; moto judges nobody by it."""

    name_property = None

    def replaces(self, before: Properties, after: Properties) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def create(self, request: Request, properties: Properties) -> Physical:
        """SetQueueAttributes of each queue."""
        for queue in properties["Queues"]:
            self._set(request, queue, json.dumps(properties["PolicyDocument"]))
        return Physical(request.generated_name(longest=128))

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Queues that are no longer named have no policy any more."""
        self._clear(request, set(before["Queues"]) - set(after["Queues"]))
        self.create(request, after)
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """Without a policy, the queues are their owner's."""
        self._clear(request, set(properties["Queues"]))

    def _clear(self, request: Request, queues: set[str]) -> None:
        urls = request.aws.call("sqs", "list_queues", {}).get("QueueUrls", [])
        there = {url.rpartition("/")[2] for url in urls}  # hosts differ by who asks
        for queue in queues:
            if queue.rpartition("/")[2] in there:
                self._set(request, queue, "")

    def _set(self, request: Request, queue: str, policy: str) -> None:
        request.aws.call("sqs", "set_queue_attributes", {"QueueUrl": queue, "Attributes": {"Policy": policy}})


TYPES: dict[str, Callable[[], ResourceType]] = {"AWS::SQS::QueuePolicy": QueuePolicy}
