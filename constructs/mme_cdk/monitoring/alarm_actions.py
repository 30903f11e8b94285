"""What alarms of each severity do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_cloudwatch
from constructs import Construct


class AlarmActions:
    """The actions by severity, as alarms' resources name them: by ARN."""

    def __init__(self, actions: Mapping[str, Sequence[aws_cloudwatch.IAlarmAction]]) -> None:
        """Take the actions.

        Args:
            actions: by severity in any case.
        """
        self._actions = {severity.lower(): list(found) for severity, found in actions.items()}
        self._topics: dict[aws_cloudwatch.IAlarmAction, str] = {}

    def arns(self, severity: str, scope: Construct, id: str, alarm_name: str) -> list[str] | None:
        """What an alarm of a severity does; None where that is nothing.

        Args:
            severity: in any case.
            scope: of this alarm only.
            id: the alarm's, which some actions make the id of a permission from.
            alarm_name: its name.
        """
        actions = self._actions.get(severity.lower())
        if not actions:
            return None
        from aws_cdk import aws_cloudwatch_actions

        arns: list[str] = []
        alarm: aws_cloudwatch.IAlarm | None = None
        for action in actions:
            if action in self._topics:
                arns.append(self._topics[action])
                continue
            # By its name: the alarm is made after its actions.
            alarm = alarm or aws_cloudwatch.Alarm.from_alarm_name(scope, id, alarm_name)
            arns.append(action.bind(scope, alarm).alarm_action_arn)
            # A topic asks nothing of an alarm; a function, say, lets in each by a permission of its own.
            if isinstance(action, aws_cloudwatch_actions.SnsAction):
                self._topics[action] = arns[-1]
        return arns
