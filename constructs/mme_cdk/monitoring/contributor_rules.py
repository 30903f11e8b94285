"""Contributor Insights rules that rank models by requests. Not verified against a live endpoint.

A line of Triton such as `I1121 14:46:18.1 27890 sagemaker_server.cc:219] "Invoking SageMaker TargetModel:
X"` is not in the Common Log Format. A rule of `LogFormat` `CLF` also numbers the fields of other lines:
AWS's own rule for Lambda's `INIT_START` lines relies on it. Whether it reads these lines **has not been
verified against a live endpoint**, nor whether a quoted string is one field. So there are two rules: one
reads the quoted string of newer Triton versions as one field, the other splits the line at blanks. Only one
of them counts a request.

Sources: Amazon CloudWatch user guide, `ContributorInsights-RuleSyntax`; AWS Lambda developer guide,
`runtimes-update` (the rule for `INIT_START`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

_CALLED: Final = "Invoking SageMaker TargetModel: "

CONTRIBUTOR_RULES: Final[Mapping[str, Mapping[str, Any]]] = {
    "unverified-models-by-calls-quoted": {
        "Fields": {"5": "call"},
        "Contribution": {
            "Keys": ["call"],
            "Filters": [{"Match": "call", "StartsWith": [_CALLED, f'"{_CALLED}']}],
        },
    },
    "unverified-models-by-calls": {
        "Fields": {"5": "verb", "7": "what", "8": "model"},
        "Contribution": {
            "Keys": ["model"],
            "Filters": [
                {"Match": "verb", "In": ["Invoking", '"Invoking']},  # the quote, if it does not join fields
                {"Match": "what", "In": ["TargetModel:"]},
            ],
        },
    },
}
"""What differs between the rules, by name."""


def rule_body(name: str, log_group: str) -> str:
    """Return a rule as JSON for CloudWatch.

    Args:
        name: Name of one of `CONTRIBUTOR_RULES`.
        log_group: Name of the endpoint's log group.
    """
    schema = {"Name": "CloudWatchLogRule", "Version": 1}
    common = {"Schema": schema, "LogGroupNames": [log_group], "LogFormat": "CLF", "AggregateOn": "Count"}
    return json.dumps({**common, **CONTRIBUTOR_RULES[name]})
