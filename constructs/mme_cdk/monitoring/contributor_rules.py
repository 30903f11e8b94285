"""Contributor Insights rules that rank models by their calls. Not verified against a live endpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

_CALLED: Final = "Invoking SageMaker TargetModel: "


@dataclass(frozen=True, kw_only=True)
class ContributorRule:
    """A rule over Triton's log lines.

    A line such as `I1121 14:46:18.1 27890 sagemaker_server.cc:219] "Invoking SageMaker TargetModel: X"` is no
    Common Log Format, but a rule of `LogFormat` `CLF` numbers any line's fields: AWS's own rule for Lambda's
    `INIT_START` lines does it. Whether it does so with these lines **has not been verified against a live
    endpoint**, nor whether it takes a quoted text for one field. So there are two rules: one reads the text
    in quotes, of newer versions of Triton, as one field; the other takes the line apart at its blanks. A call
    is counted by one of them, never by both.

    Sources: Amazon CloudWatch user guide, `ContributorInsights-RuleSyntax`; AWS Lambda developer guide,
    `runtimes-update` (the rule for `INIT_START`).

    Attributes:
        name: in kebab case.
        fields: what is read of a line: the field's number, from 1, and its name.
        key: the field that names the model.
        filters: which lines count.
    """

    name: str
    fields: dict[str, str]
    key: str
    filters: tuple[dict[str, Any], ...]

    def body(self, log_group: str) -> str:
        """The rule as CloudWatch takes it: JSON.

        Args:
            log_group: the endpoint's.
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
        # With its quote, where quotes join nothing.
        filters=(
            {"Match": "verb", "In": ["Invoking", '"Invoking']},
            {"Match": "what", "In": ["TargetModel:"]},
        ),
    ),
)
