"""What every endpoint offers, defined here or imported: grants, metrics, events."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from aws_cdk import Annotations, ArnFormat, Names, Stack, aws_iam
from constructs import Construct, IConstruct

from mme.catalog.limits import ENDPOINT_NAME_MAX_CHARS, ENDPOINT_NAME_PATTERN, TARGET_MODEL_MAX_CHARS
from mme_cdk._internal.cdk_kinds import GRANTEE, RULE_TARGET
from mme_cdk._internal.expectations import TEXT, expect, expect_all, shown
from mme_cdk._internal.validation import PropsError, known, require
from mme_cdk.endpoint.endpoint_metrics import EndpointMetrics
from mme_cdk.storage.model_store import MODEL_STORE, ModelStore

if TYPE_CHECKING:
    from aws_cdk import aws_events

# Source: SageMaker AI developer guide, `automating-sagemaker-with-eventbridge`.
_EVENT_SOURCE = "aws.sagemaker"
_DEPLOYMENT_EVENT = "SageMaker Endpoint Deployment State Change"


class EndpointBase(EndpointMetrics):
    """What an endpoint offers, whoever defines it: name, ARN, grants, metrics, events; and the imports.

    An import is as good as the endpoint itself for grants, metrics and events. To give rights to its
    models, an import must be told where they lie.
    """

    @staticmethod
    def from_endpoint_name(scope: Construct, id: str, endpoint_name: str) -> EndpointBase:
        """An endpoint of this account and region, defined elsewhere.

        Args:
            scope: the parent.
            id: the construct's id.
            endpoint_name: its name.

        Raises:
            PropsError: a name that no endpoint has.
        """
        return EndpointBase.from_endpoint_attributes(scope, id, endpoint_name=endpoint_name)

    @staticmethod
    def from_endpoint_arn(scope: Construct, id: str, endpoint_arn: str) -> EndpointBase:
        """An endpoint of any account and region.

        Args:
            scope: the parent.
            id: the construct's id.
            endpoint_arn: its ARN, which is in lower case. An endpoint whose name is not needs
                `from_endpoint_attributes` with both, or it has no metrics: CloudWatch knows it by its name.

        Raises:
            PropsError: a text that is no endpoint's ARN.
        """
        return EndpointBase.from_endpoint_attributes(scope, id, endpoint_arn=endpoint_arn)

    @staticmethod
    def from_endpoint_attributes(
        scope: Construct,
        id: str,
        *,
        endpoint_name: str | None = None,
        endpoint_arn: str | None = None,
        variant_name: str = "AllTraffic",
        models: ModelStore | None = None,
    ) -> EndpointBase:
        """An endpoint defined elsewhere, by what is known of it.

        Args:
            scope: the parent.
            id: the construct's id.
            endpoint_name: its name. Default: the last part of the ARN.
            endpoint_arn: its ARN. Default: made from the name, in this account and region.
            variant_name: the variant that metrics are of. Default: `AllTraffic`.
            models: where its models lie, for `grant_publish_models` and `grant_read_models`.
                Default: unknown.

        Raises:
            PropsError: neither name nor ARN, a text that is no endpoint's ARN, a name that contradicts it.
        """
        from mme_cdk.endpoint.imported_endpoint import ImportedEndpoint

        return ImportedEndpoint(
            scope,
            id,
            endpoint_name=endpoint_name,
            endpoint_arn=endpoint_arn,
            variant_name=variant_name,
            models=models,
        )

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint_name: str | None = None,
        variant_name: str = "AllTraffic",
        models: ModelStore | None = None,
    ) -> None:
        """Name the endpoint; `Endpoint` and the imports call it.

        Args:
            scope: the parent.
            id: the construct's id.
            endpoint_name: its name. Default: derived from the path.
            variant_name: the variant that metrics are of. Default: `AllTraffic`.
            models: where its models lie. Default: unknown.

        Raises:
            PropsError: a name that SageMaker does not take.
        """
        require(
            expect("endpoint_name", endpoint_name, TEXT, optional=True),
            expect("variant_name", variant_name, TEXT),
            expect("models", models, MODEL_STORE, optional=True),
            at=(scope, id),
        )
        super().__init__(scope, id)
        self._variant_name = variant_name
        self._models = models
        self._endpoint_name = _default_name(self) if endpoint_name is None else endpoint_name
        require(_name_fault(self._endpoint_name), at=self)

    @property
    def endpoint_arn(self) -> str:
        """The endpoint's ARN."""
        name = self.endpoint_name
        return Stack.of(self).format_arn(
            service="sagemaker",
            resource="endpoint",
            # SageMaker writes endpoint ARNs in lower case whatever the name's case, and IAM compares exactly.
            resource_name=name.lower() if known(name) else name,
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )

    @property
    def models(self) -> ModelStore:
        """Where the models lie.

        Raises:
            PropsError: an imported endpoint that was not told.
        """
        if self._models is None:
            raise PropsError(
                [
                    "where the models of this imported endpoint lie is not known: import it by "
                    "from_endpoint_attributes with models=ModelStore.from_bucket(...)"
                ],
                path=self.node.path,
            )
        return self._models

    def grant(self, grantee: aws_iam.IGrantable, *actions: str) -> aws_iam.Grant:
        """Let it take these actions on this endpoint.

        Endpoints have no resource policy. A principal of another account needs a role of the endpoint's
        account to assume: grant to that role; a grant across accounts warns.

        Args:
            grantee: who.
            actions: such as `sagemaker:InvokeEndpoint`.

        Raises:
            PropsError: a grantee that is none, no action, or a text that is no action.
        """
        require(
            expect("grantee", grantee, GRANTEE),
            "no action was given, so it would allow nothing: name one, such as sagemaker:InvokeEndpoint"
            if not actions
            else None,
            *(_action_fault(action) for action in actions),
            at=self,
        )
        self._warn_of_another_account(grantee)
        return aws_iam.Grant.add_to_principal(
            grantee=grantee, actions=list(actions), resource_arns=[self.endpoint_arn]
        )

    def grant_invoke(self, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        """Let it call every model of this endpoint.

        Args:
            grantee: who, of the endpoint's own account.
        """
        return self.grant(grantee, "sagemaker:InvokeEndpoint")

    def grant_invoke_model(self, grantee: aws_iam.IGrantable, *patterns: str) -> aws_iam.Grant:
        """Let it call the models whose `TargetModel` matches one of the patterns, and no other.

        Args:
            grantee: who.
            patterns: relative to the models' prefix, with `*` and `?`, such as `tenant-a/*`.

        Raises:
            PropsError: no pattern, or one that no TargetModel can match.
        """
        require(
            expect("grantee", grantee, GRANTEE),
            "no pattern was given: name at least one, such as tenant-a/*, or use grant_invoke"
            if not patterns
            else None,
            *(_pattern_fault(pattern) for pattern in patterns),
            at=self,
        )
        self._warn_of_another_account(grantee)
        return aws_iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["sagemaker:InvokeEndpoint"],
            resource_arns=[self.endpoint_arn],
            conditions={"StringLike": {"sagemaker:TargetModel": list(patterns)}},
        )

    def grant_describe(self, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        """Let it see the endpoint's state: status, live instance counts, a failure's reason.

        Args:
            grantee: who, of the endpoint's own account.
        """
        return self.grant(grantee, "sagemaker:DescribeEndpoint")

    def grant_publish_models(self, grantee: aws_iam.IGrantable, *, prefix: str = "") -> aws_iam.Grant:
        """Let it publish, list, read back and retire models.

        **A trust boundary.** A python-backend model is code, and it runs with the endpoint's execution role
        in one container with every tenant's models. `grant_invoke_model` parts callers from each other;
        nothing parts the models. Whoever may publish may read all models of the endpoint and do whatever
        its execution role may do, whatever `prefix` says: the prefix only keeps publishers from
        overwriting each other's models. Grant this to whom you would give that role; tenants whose code
        you don't trust need endpoints of their own. Network isolation keeps such code from calling out.

        Args:
            grantee: who, of this account or another; another's also gets a statement in the bucket's policy.
            prefix: a tenant's own part of the store, such as `tenant-a/`; its models are then called
                `tenant-a/x.tar.gz`. Default: the whole store.

        Raises:
            PropsError: a prefix without trailing slash, with IAM wildcards or with `..`, or an imported
                endpoint that was not told where its models lie.
        """
        return self.models.grant_publish(grantee, prefix=prefix)

    def grant_read_models(self, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        """Let it list and read the models, for checks and copies.

        Args:
            grantee: who, of this account or another; another's also gets a statement in the bucket's policy.

        Raises:
            PropsError: an imported endpoint that was not told where its models lie.
        """
        return self.models.grant_read(grantee)

    def grant_resolve_aliases(self, grantee: aws_iam.IGrantable, *, prefix: str = "") -> aws_iam.Grant:
        """Let it read what the models' aliases stand for, which a caller of `add_sub@prod` needs.

        It is a right of its own beside `grant_invoke`: aliases lie in the models' bucket, where who only
        invokes reads nothing.

        Args:
            grantee: who, of this account or another; another's also gets a statement in the bucket's policy.
            prefix: the aliases of a tenant's own part only, such as `tenant-a/`. Default: all.

        Raises:
            PropsError: a prefix without trailing slash or with IAM wildcards, or an imported endpoint that
                was not told where its models lie.
        """
        return self.models.grant_resolve_aliases(grantee, prefix=prefix)

    def on_deployment_state_change(
        self,
        id: str,
        *,
        target: aws_events.IRuleTarget | None = None,
        description: str | None = None,
        rule_name: str | None = None,
    ) -> aws_events.Rule:
        """An EventBridge rule for the steps of a deployment: started, canary up, baking, done, rolled back.

        SageMaker may send several events for one change. A `detail` of your own is added by
        `rule.add_event_pattern`.

        Args:
            id: the rule's id.
            target: who is told. Default: nobody, until `rule.add_target`.
            description: of the rule. Default: none.
            rule_name: Default: CloudFormation's choice.

        Raises:
            PropsError: values of the wrong kind, or an imported endpoint of another account or region,
                whose events never come here.
        """
        require(
            expect("target", target, RULE_TARGET, optional=True),
            *expect_all(TEXT, optional=True, description=description, rule_name=rule_name),
            at=(self, id),
        )
        # Late, here and elsewhere: most stacks need no rule, and each module of aws-cdk costs start-up time.
        from aws_cdk import aws_events

        here = Stack.of(self)
        for what, ours, theirs in (
            ("account", here.account, self._account),
            ("region", here.region, self._region),
        ):
            if known(ours) and known(theirs) and ours != theirs:
                raise PropsError(
                    [
                        f"the endpoint is in {what} {theirs} and the rule would be in {ours}, where its "
                        f"events never come: define the rule in {theirs}, or forward the events"
                    ],
                    path=f"{self.node.path}/{id}",
                )
        return aws_events.Rule(
            self,
            id,
            description=description,
            rule_name=rule_name,
            targets=[target] if target else None,
            event_pattern=aws_events.EventPattern(
                source=[_EVENT_SOURCE],
                detail_type=[_DEPLOYMENT_EVENT],
                # Names are kept as given and ARNs in lower case: this matches either.
                detail={"EndpointName": [{"equals-ignore-case": self.endpoint_name}]},
            ),
        )

    @property
    def place(self) -> tuple[str, str]:
        """Account and region that it is in; tokens where only deployment knows them."""
        return self._account, self._region

    @cached_property
    def _stack(self) -> Stack:
        return Stack.of(self)

    @property
    def _account(self) -> str:
        return self._stack.account

    @property
    def _region(self) -> str:
        return self._stack.region

    def _warn_of_another_account(self, grantee: aws_iam.IGrantable) -> None:
        account = grantee.grant_principal.principal_account
        if account is None or not known(account) or not known(self._account) or account == self._account:
            return
        Annotations.of(self).add_warning_v2(
            "mme:crossAccountCaller",
            f"a principal of account {account} was granted rights on an endpoint of account {self._account}, "
            "and endpoints have no resource policy to let it in: let it assume a role of the endpoint's "
            "account, and grant to that role",
        )


def _default_name(scope: IConstruct) -> str:
    """The name that an endpoint gets from its path: stable, unique in the app, valid, in lower case."""
    return Names.unique_resource_name(scope, max_length=ENDPOINT_NAME_MAX_CHARS, separator="-").lower()


def _name_fault(name: str) -> str | None:
    if not name:
        return "endpoint_name is empty: give a name, or leave it out for one derived from the path"
    if not known(name) or (
        len(name) <= ENDPOINT_NAME_MAX_CHARS and re.fullmatch(ENDPOINT_NAME_PATTERN, name) is not None
    ):
        return None
    return (
        f"endpoint_name {name} is not valid: use at most {ENDPOINT_NAME_MAX_CHARS} letters, digits and "
        "hyphens, a letter or digit first and last"
    )


def _action_fault(action: str) -> str | None:
    wrong = expect("action", action, TEXT)
    if wrong or not known(action) or re.fullmatch(r"[\w-]+:[\w*?]+", action):
        return wrong
    return f"{shown(action)} is no action of IAM: write SERVICE:ACTION, such as sagemaker:InvokeEndpoint"


def _pattern_fault(pattern: str) -> str | None:
    wrong = expect("pattern", pattern, TEXT)
    if wrong:
        return wrong
    if not known(pattern):
        return None
    if not pattern or len(pattern) > TARGET_MODEL_MAX_CHARS:
        return f"pattern of {len(pattern)} characters matches no model: use 1 to {TARGET_MODEL_MAX_CHARS}"
    if pattern.startswith(("/", "s3:")):
        return f"pattern {pattern} matches no model: write it relative to the models' prefix, as tenant-a/*"
    return None
