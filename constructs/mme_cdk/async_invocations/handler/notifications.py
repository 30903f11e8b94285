"""What the topics are told: SageMaker's own message, with the model's name.

Source: SageMaker AI developer guide, `async-inference-check-predictions`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from .environment import Environment
from .outcomes import COMPLETED, Outcome
from .request import Request


class Notifier:
    """Publishes to the success topic and to the error topic. As SNS itself: at least once."""

    def __init__(self, sns: Any, environment: Environment) -> None:
        self._sns = sns
        self._environment = environment

    def tell(self, request: Request, outcome: Outcome, location: str, received: datetime) -> None:
        """Tell how a request ended.

        Args:
            request: what was asked.
            outcome: how it ended.
            location: url of the object; empty where there is none.
            received: when it was sent to the queue.
        """
        completed = outcome.status == COMPLETED
        message = notification(self._environment, request, outcome, location, received)
        here = self._environment
        self._sns.publish(
            TopicArn=here.success_topic_arn if completed else here.error_topic_arn,
            Message=json.dumps(message),
        )


def notification(
    environment: Environment, request: Request, outcome: Outcome, location: str, received: datetime
) -> dict[str, Any]:
    """The message about one request."""
    asked = {
        "accept": request.text("Accept"),
        "contentType": request.text("ContentType"),
        "customAttributes": request.text("CustomAttributes"),
        "endpointName": environment.endpoint_name,
        "inputLocation": request.text("InputLocation"),
        "targetModel": request.text("TargetModel"),
    }
    completed = outcome.status == COMPLETED
    told: dict[str, Any] = {
        "awsRegion": environment.region,
        "eventTime": _time(datetime.now(UTC)),
        "receivedTime": _time(received),
        "invocationStatus": "Completed" if completed else "Failed",
    }
    if not completed:
        told["failureReason"] = outcome.reason
    told["requestParameters"] = {name: value for name, value in asked.items() if value}
    if location:
        answered = {
            "contentType": outcome.content_type,
            "customAttributes": outcome.custom_attributes,
            "outputLocation": location,
        }
        told["responseParameters"] = {name: value for name, value in answered.items() if value}
    return told | {
        "inferenceId": request.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
