"""What every endpoint offers, defined here or imported: grants, metrics, events."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from aws_cdk import Annotations, Arn, ArnFormat, Environment, Names, Stack, aws_iam
from constructs import Construct

from mme.catalog.limits import ENDPOINT_NAME_MAX_CHARS
from mme_cdk._internal.grants import allow
from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import PropsError, known, pending, require
from mme_cdk.endpoint.endpoint_events import EndpointEvents
from mme_cdk.endpoint.endpoint_faults import action_fault, arn_fault, missing_attribute, name_fault
from mme_cdk.endpoint.model_patterns import pattern_fault, pattern_warning
from mme_cdk.storage.model_store import ModelStore


class EndpointBase(EndpointEvents):
    """An endpoint by its name: ARN, grants, metrics and events; also the endpoints that are imported.

    An imported endpoint offers the same as one defined here. Grants on its models need `models`.
    """

    _arn: str | None = None
    _other_account: str | None = None
    _other_region: str | None = None

    @staticmethod
    def from_endpoint_name(scope: Construct, id: str, endpoint_name: str) -> ImportedEndpoint:
        """Import an endpoint of this account and region.

        Args:
            scope: Parent.
            id: Construct id.
            endpoint_name: Its name.

        Raises:
            PropsError: Not a valid endpoint name.
        """
        return EndpointBase.from_endpoint_attributes(scope, id, endpoint_name=endpoint_name)

    @staticmethod
    def from_endpoint_arn(scope: Construct, id: str, endpoint_arn: str) -> ImportedEndpoint:
        """Import an endpoint of any account and region.

        Args:
            scope: Parent.
            id: Construct id.
            endpoint_arn: Its ARN, which is in lower case. If the endpoint's name is not, use
                `from_endpoint_attributes` with both: CloudWatch knows its metrics by the exact name.

        Raises:
            PropsError: Not an endpoint's ARN.
        """
        return EndpointBase.from_endpoint_attributes(scope, id, endpoint_arn=endpoint_arn)

    @staticmethod
    @checked
    def from_endpoint_attributes(
        scope: Construct,
        id: str,
        *,
        endpoint_name: str | None = None,
        endpoint_arn: str | None = None,
        variant_name: str = "AllTraffic",
        models: ModelStore | None = None,
    ) -> ImportedEndpoint:
        """Import an endpoint by its attributes.

        Args:
            scope: Parent.
            id: Construct id.
            endpoint_name: Its name. Default: the last part of the ARN.
            endpoint_arn: Its ARN. Default: made from the name, in this account and region.
            variant_name: The variant of its metrics. Default: `AllTraffic`.
            models: Its models, for `grant_publish_models` and `grant_read_models`. Default: unknown.

        Raises:
            PropsError: Neither name nor ARN, not an endpoint's ARN, or a name that contradicts the ARN.
        """
        return ImportedEndpoint(
            scope,
            id,
            endpoint_name=endpoint_name,
            endpoint_arn=endpoint_arn,
            variant_name=variant_name,
            models=models,
        )

    @checked
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint_name: str | None = None,
        variant_name: str = "AllTraffic",
        models: ModelStore | None = None,
    ) -> None:
        """Name the endpoint; use `Endpoint`, `MultiModelEndpoint` or an import instead.

        Args:
            scope: Parent.
            id: Construct id.
            endpoint_name: Its name. Default: derived from the path.
            variant_name: The variant of its metrics. Default: `AllTraffic`.
            models: Its models. Default: unknown.

        Raises:
            PropsError: Not a valid endpoint name.
        """
        super().__init__(scope, id)
        self._variant_name = variant_name
        self._models = models
        if endpoint_name is None:
            endpoint_name = Names.unique_resource_name(
                self, max_length=ENDPOINT_NAME_MAX_CHARS, separator="-"
            ).lower()
        self._endpoint_name = endpoint_name
        require(name_fault(endpoint_name), at=self)

    @property
    def stack(self) -> Stack:
        """The stack that defines or imports it."""
        return Stack.of(self)

    @property
    def env(self) -> Environment:
        """Its account and region; tokens if only deployment knows them."""
        account, region = self.place
        return Environment(account=account, region=region)

    @property
    def endpoint_arn(self) -> str:
        """ARN of the endpoint."""
        if self._arn is not None:
            return self._arn
        name = self.endpoint_name
        return Stack.of(self).format_arn(
            service="sagemaker",
            resource="endpoint",
            # Endpoint ARNs are in lower case whatever the name's case, and IAM compares exactly.
            resource_name=name.lower() if known(name) else name,
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )

    @property
    def models(self) -> ModelStore:
        """The models that it serves.

        Raises:
            PropsError: An endpoint that was imported without `models`.
        """
        if self._models is None:
            raise PropsError(
                [
                    "the endpoint was imported without models: use from_endpoint_attributes with "
                    "models=ModelStore.from_bucket(...)"
                ],
                path=self.node.path,
            )
        return self._models

    @checked
    def grant(self, grantee: aws_iam.IGrantable, *actions: str) -> aws_iam.Grant:
        """Allow actions on this endpoint.

        Endpoints have no resource policy. A principal of another account must assume a role of the endpoint's
        account: grant to that role. A grant across accounts warns.

        Args:
            grantee: A principal of the endpoint's account.
            actions: Such as `sagemaker:InvokeEndpoint`.

        Raises:
            PropsError: No action, or a string that is not an action.
        """
        require(
            "no action was given; the grant would allow nothing: name one, such as sagemaker:InvokeEndpoint"
            if not actions
            else None,
            *(action_fault(action) for action in actions),
            at=self,
        )
        self._warn_of_mismatches(grantee)
        return allow(grantee, actions, [self.endpoint_arn], at=self)

    def grant_invoke(self, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        """Allow invoking every model of this endpoint.

        Args:
            grantee: A principal of the endpoint's account.
        """
        return self.grant(grantee, "sagemaker:InvokeEndpoint")

    @checked
    def grant_invoke_model(self, grantee: aws_iam.IGrantable, *patterns: str) -> aws_iam.Grant:
        """Allow invoking only the models whose `TargetModel` matches a pattern.

        Args:
            grantee: A principal of the endpoint's account.
            patterns: Relative to the models' prefix, with `*` and `?`, which match `/` too, such as
                `tenant-a/*`. Patterns that match no archive, or other tenants' too, warn.

        Raises:
            PropsError: No pattern, or one that matches no TargetModel.
        """
        require(
            "no pattern was given: name at least one, such as tenant-a/*, or use grant_invoke"
            if not patterns
            else None,
            *map(pattern_fault, patterns),
            at=self,
        )
        prefix = self._models.prefix if self._models else None
        for warning in filter(None, (pattern_warning(pattern, prefix) for pattern in patterns)):
            Annotations.of(self).add_warning_v2("mme:targetModelPattern", warning)
        self._warn_of_mismatches(grantee)
        conditions = {"StringLike": {"sagemaker:TargetModel": list(patterns)}}
        arns = [self.endpoint_arn]
        return allow(grantee, ["sagemaker:InvokeEndpoint"], arns, conditions=conditions, at=self)

    def grant_describe(self, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        """Allow reading the endpoint's state: status, live instance counts, failure reason.

        Args:
            grantee: A principal of the endpoint's account.
        """
        return self.grant(grantee, "sagemaker:DescribeEndpoint")

    def grant_publish_models(self, grantee: aws_iam.IGrantable, *, prefix: str = "") -> aws_iam.Grant:
        """Allow publishing, listing, reading and deleting models.

        **This is a trust boundary.** A python-backend model is code. It runs with the endpoint's execution
        role, in one container with the models of all tenants. `grant_invoke_model` separates callers; nothing
        separates models. A publisher can therefore read all models of the endpoint and use all rights of its
        execution role. `prefix` only prevents publishers from overwriting each other's models. Grant this
        only to principals that you would give that role; tenants whose code you don't trust need their own
        endpoints. Network isolation prevents models from making network calls.

        Args:
            grantee: A principal of this account, or of another, which also gets a statement in the bucket's
                policy.
            prefix: A tenant's part of the store, such as `tenant-a/`; its models are then named
                `tenant-a/x.tar.gz`. Default: the whole store.

        Raises:
            PropsError: A prefix without trailing slash, with IAM wildcards or `..`, or an endpoint imported
                without `models`.
        """
        return self.models.grant_publish(grantee, prefix=prefix)

    def grant_read_models(self, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        """Allow listing and reading the models, for checks and copies.

        Args:
            grantee: A principal of this account, or of another, which also gets a statement in the bucket's
                policy.

        Raises:
            PropsError: An endpoint imported without `models`.
        """
        return self.models.grant_read(grantee)

    def grant_resolve_aliases(self, grantee: aws_iam.IGrantable, *, prefix: str = "") -> aws_iam.Grant:
        """Allow reading what the models' aliases point to, which callers of `add_sub@prod` need.

        `grant_invoke` does not include it: aliases are in the models' bucket, which callers can't read.

        Args:
            grantee: A principal of this account, or of another, which also gets a statement in the bucket's
                policy.
            prefix: Only a tenant's aliases, such as `tenant-a/`. Default: all.

        Raises:
            PropsError: A prefix without trailing slash or with IAM wildcards, or an endpoint imported without
                `models`.
        """
        return self.models.grant_resolve_aliases(grantee, prefix=prefix)

    @cached_property
    def place(self) -> tuple[str, str]:
        """Its account and region; tokens if only deployment knows them."""
        stack = Stack.of(self)
        return self._other_account or stack.account, self._other_region or stack.region

    @cached_property
    def _metric_place(self) -> dict[str, str | None]:  # type: ignore[override]
        if self._other_account or self._other_region:
            return {"account": self._other_account, "region": self._other_region}
        # What `Metric.attach_to` sets, without a call to CDK for each metric.
        account, region = (part if known(part) else None for part in self.place)
        return {"stack_account": account, "stack_region": region}

    def _warn_of_mismatches(self, grantee: aws_iam.IGrantable) -> None:
        theirs = getattr(grantee.grant_principal, "principal_account", None)  # unknown principals have none
        ours, _ = self.place
        name = self.endpoint_name
        if self._arn is None and not known(name) and not pending(name):
            Annotations.of(self).add_warning_v2(
                "mme:endpointNameCase",
                "endpoint_name is known only at deployment; the ARNs of endpoints are in lower case, and IAM "
                "compares them exactly, so rights fail for a name with capitals: pass one in lower case",
            )
        if theirs is None or not known(theirs) or not known(ours) or theirs == ours:
            return
        Annotations.of(self).add_warning_v2(
            "mme:crossAccountCaller",
            f"a principal of account {theirs} was granted rights on an endpoint of account {ours}; which "
            "have no resource policy that could allow it: let it assume a role of the endpoint's account, "
            "and grant to that role",
        )


class ImportedEndpoint(EndpointBase):
    """An endpoint by name or ARN, with grants, metrics and events; made by `EndpointBase.from_...`.

    Scaling, monitoring and everything else that belongs to its stack raise an `AttributeError` with a hint.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint_name: str | None = None,
        endpoint_arn: str | None = None,
        **attributes: Any,
    ) -> None:
        """Import an endpoint; see `EndpointBase.from_endpoint_attributes`.

        `scope`, `id`, `endpoint_name`, `endpoint_arn` and the other `attributes` are documented there.
        """
        require(
            "neither endpoint_name nor endpoint_arn is given: give one"
            if endpoint_name is None and endpoint_arn is None
            else None,
            arn_fault(endpoint_arn, endpoint_name),
            at=(scope, id),
        )
        parts = Arn.split(endpoint_arn, ArnFormat.SLASH_RESOURCE_NAME) if endpoint_arn else None
        if endpoint_name is None and parts is not None:
            endpoint_name = parts.resource_name
        super().__init__(scope, id, endpoint_name=endpoint_name, **attributes)
        self._arn = endpoint_arn
        if parts is not None:
            # Tokens count as this account and region, as in aws-cdk's own imports.
            self._other_account = parts.account if known(parts.account) else None
            self._other_region = parts.region if known(parts.region) else None

    def __getattr__(self, name: str) -> Any:
        """Raise an error that names what an imported endpoint can't do."""
        raise AttributeError(missing_attribute(type(self).__name__, name))
