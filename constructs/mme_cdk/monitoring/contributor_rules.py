"""Contributor Insights rules that rank models by requests. Not verified against a live endpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

_CALLED: Final = "Invoking SageMaker TargetModel: "


@dataclass(frozen=True, kw_only=True)
class ContributorRule:
    """A rule that reads Triton's log lines.

    A line such as `I1121 14:46:18.1 27890 sagemaker_server.cc:219] "Invoking SageMaker TargetModel: X"` is
    not in the Common Log Format. A rule of `LogFormat` `CLF` also numbers the fields of other lines: AWS's
    own rule for Lambda's `INIT_START` lines relies on it. Whether it reads these lines **has not been
    verified against a live endpoint**, nor whether a quoted string is one field. So there are two rules: one
    reads the quoted string of newer Triton versions as one field, the other splits the line at blanks. Only
    one of them counts a request.

    Sources: Amazon CloudWatch user guide, `ContributorInsights-RuleSyntax`; AWS Lambda developer guide,
    `runtimes-update` (the rule for `INIT_START`).

    Attributes:
        name: In kebab case.
        fields: Names of the fields that are read, by number from 1.
        key: Field that names the model.
        filters: Conditions that a line must meet.
    """

    name: str
    fields: dict[str, str]
    key: str
    filters: tuple[dict[str, Any], ...]

    def body(self, log_group: str) -> str:
        """Return the rule as JSON for CloudWatch.

        Args:
            log_group: Name of the endpoint's log group.
        """
        return json.dumps(
            {
                "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
                "LogGroupNames": [log_group],
                "LogFormat": "CLF",
                "Fields": self.fields,
                "Contribution": {"Keys": [self.key], "Filters": list(self.filters)},
                "AggregateOn": "Count",
            }
        )


CONTRIBUTOR_RULES: Final = (
    ContributorRule(
        name="unverified-models-by-calls-quoted",
        fields={"5": "call"},
        key="call",
        filters=({"Match": "call", "StartsWith": [_CALLED, f'"{_CALLED}']},),
    ),
    ContributorRule(
        name="unverified-models-by-calls",
        fields={"5": "verb", "7": "what", "8": "model"},
        key="model",
        # With its quote if a quoted string is not one field.
        filters=(
            {"Match": "verb", "In": ["Invoking", '"Invoking']},
            {"Match": "what", "In": ["TargetModel:"]},
        ),
    ),
)
