"""Settings by flags and variables, and their sessions and clients."""

from __future__ import annotations

import pytest

from mme.aws.clients import AwsClients, open_session
from mme.aws.settings import Settings
from mme.errors import MmeError


def test_local_defaults() -> None:
    settings = Settings.load()
    assert (settings.stack_name, settings.aws_url) == ("mme-local-serving", "http://localhost:4747")
    session = open_session(settings)
    assert session.region_name == "us-east-1"
    assert session.get_credentials().access_key == "local"
    client = AwsClients(session, settings).s3
    assert client.meta.endpoint_url == "http://localhost:4747"
    assert client.meta.config.s3["addressing_style"] == "path"


def test_local_port_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MME_LOCAL_PORT", "4748")
    assert Settings.load().aws_url == "http://localhost:4748"
    assert Settings.load(env="dev").aws_url is None
    for wrong in ("0", "x", "70000"):
        monkeypatch.setenv("MME_LOCAL_PORT", wrong)
        with pytest.raises(MmeError, match=f"{wrong!r} in MME_LOCAL_PORT"):
            assert Settings.load().aws_url


def test_a_url_of_this_machine_is_the_local_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().on_this_machine
    assert not Settings(env="dev").on_this_machine
    assert Settings(env="dev", endpoint_url="http://localhost:4747").on_this_machine
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4747")
    assert Settings(env="dev").on_this_machine
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://sagemaker.example.com")
    assert not Settings(env="dev").on_this_machine


def test_the_users_credentials_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert open_session(Settings.load()).get_credentials().access_key == "mine"


def test_flags_win_over_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MME_ENV", "prod")
    monkeypatch.setenv("MME_REGION", "eu-west-1")
    assert Settings.load().stack_name == "mme-prod-serving"
    settings = Settings.load(env="dev", stack=None, region="us-west-2")
    assert (settings.stack_name, settings.aws_region, settings.aws_url) == (
        "mme-dev-serving",
        "us-west-2",
        None,
    )


def test_region_from_aws_s_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert open_session(Settings.load(env="dev")).region_name == "eu-west-1"
    assert open_session(Settings.load(env="dev", region="us-west-2")).region_name == "us-west-2"
    assert Settings.load().aws_region == "us-east-1"  # the local environment has its own
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    assert open_session(Settings.load(env="dev")).region_name == "ap-south-1"


def test_address_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:1234")
    assert Settings.load().aws_url == "http://localhost:1234"
    assert Settings.load(env="dev").aws_url is None  # boto3 reads the variable by itself


@pytest.mark.parametrize(
    ("flag", "value", "form"),
    [
        ("env", "a b", "letters, digits and dashes"),
        ("endpoint_url", "localhost:1", "must be http:// or https://"),
        ("stack", "-", "begin with a letter"),
    ],
)
def test_bad_settings(flag: str, value: str, form: str) -> None:
    with pytest.raises(MmeError, match=f"{value!r} can't be the .*{form}") as caught:
        Settings.load(**{flag: value})
    assert "pattern" not in caught.value.message


def test_names_of_buckets() -> None:
    for name in ("models", "Old_Bucket.us-east-1", "x" * 255):
        assert Settings.load(bucket=name).bucket == name
    for wrong in ("s3://x", "ab", "x" * 256, "a/b"):
        with pytest.raises(MmeError, match="can't be the bucket"):
            Settings.load(bucket=wrong)
