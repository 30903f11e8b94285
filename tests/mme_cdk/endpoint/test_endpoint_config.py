from __future__ import annotations

import json
from pathlib import Path

import pytest
from aws_cdk import App, Stack, Validations
from cdk_nag import HIPAASecurityChecks, NIST80053R5Checks

from mme_cdk import ModelBucket, PropsError
from tests.mme_cdk.building import CPU, GPU, config_in


def test_ten_variants(probe_stack: Stack) -> None:
    config = config_in(probe_stack)
    for number in range(9):
        config.add_variant(f"v{number}", model=config.model, instance_type=GPU)
    with pytest.raises(PropsError, match=r"the config has 10 variants"):
        config.add_variant("eleventh", model=config.model, instance_type=GPU)


@pytest.mark.parametrize(("instance_type", "found"), [(GPU, 0), (CPU, 1)])
def test_packs_that_ask_for_a_key(app: App, stack: Stack, instance_type: str, found: int) -> None:
    config_in(stack, instance_type=instance_type)
    ModelBucket(stack, "Bucket", access_logs=False)  # lacks what these packs ask of buckets
    Validations.of(app).add_plugins(HIPAASecurityChecks(app), NIST80053R5Checks(app))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = (Path(app.outdir) / "validation-report.json").read_text("utf-8")
    rules = {
        check["ruleName"] for plugin in json.loads(report)["pluginReports"] for check in plugin["violations"]
    }
    asked = {rule for rule in rules if "EndpointConfigurationKMSKey" in rule}
    assert len(asked) == 2 * found
