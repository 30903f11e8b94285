"""The plugin as another team uses it: in its own project, with its own pytest."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from mme_local.containers.triton.wheel import why_not_here
from tests.archives.archive_builder import write_files
from tests.mme_local.containers.mms.sources import ROWS, booster_files, csv, predictions
from tests.mme_local.testing.a_project import ROOT, run_pytest

HEAVY = (
    "aiohttp",
    "boto3",
    "botocore",
    "moto",
    "numpy",
    "psutil",
    "pydantic",
    "mme_local.runtime",
    "mme.archives",
)
NO_TRITON = """
import pytest
import mme_local.testing.endpoint

mme_local.testing.endpoint.missing = lambda: "this is a toaster"
"""
USES_IT = "def test_it(mme_endpoint):\n    assert mme_endpoint.name\n"


def test_it_imports_nothing_until_a_test_uses_it(tmp_path: Path) -> None:
    ran = run_pytest(
        tmp_path,
        f"""
import sys

def test_nothing_heavy_is_loaded():
    assert "mme_local.testing.plugin" in sys.modules
    assert not [name for name in {HEAVY!r} if name in sys.modules]
""",
    )
    assert ran.status == 0, ran.output
    assert ran.counts["passed"] == 1


def test_without_triton_it_skips_with_the_reason(tmp_path: Path) -> None:
    ran = run_pytest(tmp_path, USES_IT, conftest=NO_TRITON)
    assert ran.status == 0, ran.output
    assert ran.counts["skipped"] == 1
    assert "mme_endpoint needs real Triton: this is a toaster" in ran.output


def test_without_triton_it_fails_if_configured(tmp_path: Path) -> None:
    ran = run_pytest(tmp_path, USES_IT, conftest=NO_TRITON, ini="mme_missing = fail\n")
    assert ran.status == 1
    assert "mme_endpoint needs real Triton: this is a toaster" in ran.output


@pytest.mark.skipif(why_not_here() is not None, reason="needs Triton's wheel")
def test_an_image_that_nothing_here_serves(tmp_path: Path) -> None:
    image = """
import pytest
@pytest.fixture(scope="session")
def mme_image():
    return "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-inference:2.19-cpu"
"""
    ran = run_pytest(tmp_path, USES_IT, conftest=image, ini="mme_missing = fail\n")
    assert ran.status == 1
    assert "the TensorFlow image" in ran.output
    assert "mme local up --containers docker" in ran.output


def test_an_invalid_option_is_refused(tmp_path: Path) -> None:
    ran = run_pytest(tmp_path, USES_IT, ini="mme_missing = never\n")
    assert ran.status == 1
    assert "mme_missing is 'never'; it must be skip or fail" in ran.output


@pytest.mark.skipif(why_not_here() is not None, reason="needs Triton's wheel")
def test_an_unknown_setting_is_reported(tmp_path: Path) -> None:
    settings = """
import pytest
@pytest.fixture(scope="session")
def mme_settings():
    return {"memory_mb": 5}
"""
    ran = run_pytest(tmp_path, USES_IT, conftest=settings)
    assert ran.status == 1
    assert "memory_mb 5 is not valid: extra inputs are not permitted" in ran.output
    assert "Traceback" not in ran.output
    assert "pydantic" not in ran.output


@pytest.mark.slow
@pytest.mark.triton
@pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}")
class TestWithTriton:
    """One session of another team's tests, with all that the plugin offers."""

    def test_a_session_has_an_endpoint_with_its_models(self, tmp_path: Path) -> None:
        shutil.copytree(ROOT / "model_registry" / "add_sub", tmp_path / "models" / "add_sub")
        shutil.copytree(ROOT / "model_registry" / "add_sub", tmp_path / "models" / "later")
        ran = run_pytest(
            tmp_path,
            """
import json, os, pathlib
import boto3, pytest
from botocore.exceptions import ClientError

BODY = json.dumps({"inputs": [
    {"name": name, "datatype": "FP32", "shape": [4], "data": data}
    for name, data in (("INPUT0", [1, 2, 3, 4]), ("INPUT1", [1, 1, 1, 1]))
]}).encode()

def outputs(answer):
    return {tensor["name"]: tensor["data"] for tensor in json.loads(answer)["outputs"]}

def test_boto3_calls_a_published_model(mme_endpoint):
    answer = mme_endpoint.client.invoke_endpoint(
        EndpointName=mme_endpoint.name,
        TargetModel="add_sub_v0.tar.gz",
        ContentType="application/json",
        Body=BODY,
    )
    assert outputs(answer["Body"].read()) == {"OUTPUT0": [2, 3, 4, 5], "OUTPUT1": [0, 1, 2, 3]}

def test_a_model_is_called_by_its_directory(mme_endpoint):
    assert outputs(mme_endpoint.invoke("add_sub", BODY))["OUTPUT1"] == [0, 1, 2, 3]

def test_models_are_added_meanwhile(mme_endpoint):
    (target_model,) = mme_endpoint.publish(pathlib.Path(__file__).parent / "models" / "later")
    assert target_model == "later_v0.tar.gz"
    assert outputs(mme_endpoint.invoke("later", BODY))["OUTPUT0"] == [2, 3, 4, 5]

def test_errors_are_boto3s(mme_endpoint):
    with pytest.raises(ClientError, match="ValidationError"):
        mme_endpoint.invoke("nothing_v0.tar.gz", BODY)
    with pytest.raises(mme_endpoint.client.exceptions.ModelError):
        mme_endpoint.invoke("add_sub", b"{}")

def test_code_that_makes_its_own_clients(mme_environment, mme_endpoint):
    assert os.environ["AWS_ENDPOINT_URL"] == mme_endpoint.url
    answer = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=mme_endpoint.name,
        TargetModel="add_sub_v0.tar.gz",
        ContentType="application/json",
        Body=BODY,
    )
    assert outputs(answer["Body"].read())["OUTPUT0"] == [2, 3, 4, 5]

def test_the_environment_is_as_it_was():
    assert "AWS_ENDPOINT_URL" not in os.environ

def test_the_settings_are_the_projects(mme_endpoint):
    with pytest.raises(ClientError, match="HTTP content length exceeded 1000 bytes"):
        mme_endpoint.invoke("add_sub", b"x" * 1001)
""",
            ini="mme_models = models/add_sub\nmme_missing = fail\n",
            conftest="""
import pytest

@pytest.fixture(scope="session")
def mme_settings():
    return {"payload_bytes": 1000}
""",
        )
        assert ran.status == 0, ran.output
        assert ran.counts == {"passed": 7}
        assert not list(tmp_path.glob("state/*")), "a runtime still runs"

    def test_faults_are_set_for_one_test(self, tmp_path: Path) -> None:
        shutil.copytree(ROOT / "model_registry" / "add_sub", tmp_path / "add_sub")
        ran = run_pytest(
            tmp_path,
            """
import json
import pytest
from mme.errors import MmeError

BODY = json.dumps({"inputs": [
    {"name": name, "datatype": "FP32", "shape": [4], "data": [1, 2, 3, 4]} for name in ("INPUT0", "INPUT1")
]}).encode()

def test_it_is_set_by_the_directorys_name(mme_endpoint, mme_faults):
    mme_endpoint.invoke("add_sub", BODY)
    mme_faults.set("disk-full", "add_sub")
    (fault,) = mme_faults.all()
    assert (fault["model"], fault["met"]) == ("add_sub_v0.tar.gz", 0)
    with pytest.raises(mme_endpoint.client.exceptions.ModelError, match="No space left on device"):
        mme_endpoint.invoke("add_sub", BODY)
    mme_faults.clear("disk-full", "add_sub")
    mme_endpoint.invoke("add_sub", BODY)
    mme_faults.set("not-ready", times=3)

def test_it_is_cleared_when_the_test_ends(mme_endpoint, mme_faults):
    assert mme_faults.all() == []
    mme_endpoint.invoke("add_sub", BODY)

def test_an_unknown_fault_is_refused(mme_faults):
    with pytest.raises(MmeError, match="unknown fault"):
        mme_faults.set("nothing")
""",
            ini="mme_models = add_sub\nmme_missing = fail\n",
        )
        assert ran.status == 0, ran.output
        assert ran.counts == {"passed": 3}

    def test_the_examples_of_the_guide_work(self, tmp_path: Path) -> None:
        guide = (ROOT / "docs" / "testing.md").read_text("utf-8")
        (ini,) = re.findall(r"```ini\n# pytest.ini\n\[pytest\]\n(.*?)```", guide, re.DOTALL)
        examples = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
        tests = [one for one in examples if "def test_" in one and "mme_image" not in one]
        shutil.copytree(ROOT / "model_registry" / "add_sub", tmp_path / "model_registry" / "add_sub")
        (settings,) = (example for example in examples if "def mme_settings" in example)
        ran = run_pytest(
            tmp_path,
            "import pytest\n" + "\n".join(tests),
            ini=ini + "mme_missing = fail\n",
            conftest="import pytest\n" + settings,
        )
        assert ran.status == 0, ran.output
        assert ran.counts == {"passed": 2}

    @pytest.mark.nightly
    def test_the_guide_s_example_of_another_image(self, tmp_path: Path) -> None:
        guide = (ROOT / "docs" / "testing.md").read_text("utf-8")
        (example,) = re.findall(r"```python\n([^`]*mme_image[^`]*)```", guide)
        write_files(tmp_path / "models" / "churn", booster_files())
        ran = run_pytest(
            tmp_path,
            f"""import pytest
{example}
def test_the_booster_answers(mme_endpoint):
    rows = {csv(ROWS[:3])!r}
    answer = mme_endpoint.invoke("churn", rows, ContentType="text/csv", Accept="text/csv")
    assert [float(one) for one in answer.split(b",")] == pytest.approx({predictions(ROWS[:3])!r})

def test_the_server_is_killed(mme_endpoint, mme_faults):
    mme_faults.set("server-dies", "churn")
    with pytest.raises(mme_endpoint.client.exceptions.ModelError, match="could not get a response"):
        mme_endpoint.invoke("churn", "1,2,3,4", ContentType="text/csv")
    assert mme_endpoint.invoke("churn", "1,2,3,4", ContentType="text/csv")
""",
            ini="mme_models = models/churn\nmme_missing = fail\n",
        )
        assert ran.status == 0, ran.output
        assert ran.counts == {"passed": 3}

    def test_a_model_of_another_framework_fails_the_session(self, tmp_path: Path) -> None:
        write_files(tmp_path / "churn", booster_files())
        ran = run_pytest(tmp_path, USES_IT, ini="mme_models = churn\n")
        assert ran.status == 1
        assert "churn is a model for xgboost; the endpoint's image is" in ran.output
        assert "override the fixture mme_image" in ran.output

    def test_a_model_that_triton_would_not_serve_fails_the_session(self, tmp_path: Path) -> None:
        (tmp_path / "wrong").mkdir()
        (tmp_path / "wrong" / "config.pbtxt").write_text('backend: "nosuch"\n')
        ran = run_pytest(tmp_path, USES_IT, ini="mme_models = wrong\n")
        assert ran.status == 1
        assert "there is no version directory" in ran.output
        assert "Traceback" not in ran.output
