"""Notifications: SageMaker's own message, with the name of the model.

Source: SageMaker AI developer guide, `async-inference-check-predictions`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .environment import ConsumerSettings
from .outcomes import COMPLETED, RequestOutcome
from .request import Request


@dataclass(frozen=True)
class Notifier:
    """Publishes to the success topic and the error topic, at least once for each request.

    Attributes:
        sns: A boto3 client.
        environment: The function's environment.
    """

    sns: Any
    environment: ConsumerSettings

    def notify(self, request: Request, outcome: RequestOutcome, location: str, received: datetime) -> None:
        """Publish how a request ended.

        Args:
            request: The request.
            outcome: How it ended.
            location: URL of the answer or failure; empty if there is none.
            received: When the request was sent to the queue.
        """
        completed = outcome.status == COMPLETED
        message: dict[str, Any] = {
            "awsRegion": self.environment.region,
            "eventTime": _timestamp(datetime.now(UTC)),
            "receivedTime": _timestamp(received),
            "invocationStatus": "Completed" if completed else "Failed",
        }
        if not completed:
            message["failureReason"] = outcome.reason
        message["requestParameters"] = _given(
            accept=request.text("Accept"),
            contentType=request.text("ContentType"),
            customAttributes=request.text("CustomAttributes"),
            endpointName=self.environment.endpoint_name,
            inputLocation=request.text("InputLocation"),
            targetModel=request.text("TargetModel"),
        )
        if location:
            message["responseParameters"] = _given(
                contentType=outcome.content_type,
                customAttributes=outcome.custom_attributes,
                outputLocation=location,
            )
        message |= {
            "inferenceId": request.inference_id,
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }
        topics = self.environment
        topic = topics.success_topic_arn if completed else topics.error_topic_arn
        self.sns.publish(TopicArn=topic, Message=json.dumps(message))


def _given(**values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
