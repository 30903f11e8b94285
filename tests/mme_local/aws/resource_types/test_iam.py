"""Roles and policies, on create and on update."""

from __future__ import annotations

from typing import Any


def document(*actions: str) -> dict[str, Any]:
    statement = [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]
    return {"Version": "2012-10-17", "Statement": statement}


def role(service: str, **more: Any) -> dict[str, Any]:
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, **more}}


def test_a_role_changes_in_place(deploy: Any, resource_id: Any, aws: Any) -> None:
    read_only = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    inline = [{"PolicyName": "one", "PolicyDocument": document("s3:GetObject")}]
    deploy({"Resources": {"Role": role("a.amazonaws.com", Policies=inline, ManagedPolicyArns=[read_only])}})
    name, iam = resource_id("Role"), aws("iam")
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == [
        {"PolicyName": "ReadOnlyAccess", "PolicyArn": read_only}
    ]
    inline = [{"PolicyName": "two", "PolicyDocument": document("s3:PutObject")}]
    tags = [{"Key": "k", "Value": "v"}]
    stack = deploy(
        {"Resources": {"Role": role("b.amazonaws.com", Policies=inline, Description="d", Tags=tags)}}
    )

    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert resource_id("Role") == name
    described = iam.get_role(RoleName=name)["Role"]
    assert described["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {
        "Service": "b.amazonaws.com"
    }
    assert (described["Description"], described["Tags"]) == ("d", tags)
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["two"]
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []


def test_an_inline_policy_follows_its_roles(deploy: Any, resource_id: Any, aws: Any) -> None:
    def template(attached_to: str, *actions: str) -> dict[str, Any]:
        policy = {"PolicyName": "p", "PolicyDocument": document(*actions), "Roles": [{"Ref": attached_to}]}
        return {
            "Resources": {
                "A": role("a.amazonaws.com"),
                "B": role("a.amazonaws.com"),
                "Policy": {"Type": "AWS::IAM::Policy", "Properties": policy},
            }
        }

    deploy(template("A", "s3:GetObject"))
    assert deploy(template("B", "s3:PutObject"))["StackStatus"] == "UPDATE_COMPLETE"

    iam = aws("iam")
    assert iam.list_role_policies(RoleName=resource_id("A"))["PolicyNames"] == []
    put = iam.get_role_policy(RoleName=resource_id("B"), PolicyName="p")["PolicyDocument"]
    assert put == document("s3:PutObject")


def test_a_managed_policy_gets_a_new_version(
    deploy: Any, resource_id: Any, cloudformation: Any, aws: Any
) -> None:
    def template(*actions: str) -> dict[str, Any]:
        policy = {"PolicyDocument": document(*actions), "Roles": [{"Ref": "Role"}]}
        return {
            "Resources": {
                "Role": role("a.amazonaws.com"),
                "Policy": {"Type": "AWS::IAM::ManagedPolicy", "Properties": policy},
            }
        }

    deploy(template("s3:GetObject"))
    arn = resource_id("Policy")
    assert deploy(template("s3:PutObject"))["StackStatus"] == "UPDATE_COMPLETE"

    iam = aws("iam")
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    live = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    assert live["Document"] == document("s3:PutObject")
    cloudformation.delete_stack(StackName="app")
    assert iam.list_roles()["Roles"] == []
    assert iam.list_policies(Scope="Local")["Policies"] == []


def provider(clients: list[str], **more: Any) -> dict[str, Any]:
    properties = {"Url": "https://token.example.com", "ClientIdList": clients, **more}
    return {"Resources": {"Provider": {"Type": "AWS::IAM::OIDCProvider", "Properties": properties}}}


def test_an_identity_provider(deploy: Any, resource_id: Any, cloudformation: Any, aws: Any) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    deploy(provider(["sts.amazonaws.com"], Tags=tags))
    arn, iam = resource_id("Provider"), aws("iam")
    assert arn.endswith(":oidc-provider/token.example.com")
    thumbprint = "0123456789abcdef0123456789abcdef01234567"

    stack = deploy(provider(["another"], Tags=tags[1:], ThumbprintList=[thumbprint]))

    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert resource_id("Provider") == arn
    described = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (described["ClientIDList"], described["ThumbprintList"], described["Tags"]) == (
        ["another"],
        [thumbprint],
        tags[1:],
    )
    cloudformation.delete_stack(StackName="app")
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
