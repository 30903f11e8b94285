"""The endpoint: a stable name, behind which configs come and go."""

from __future__ import annotations

import re

from aws_cdk import ArnFormat, Names, Stack, aws_iam, aws_sagemaker
from constructs import Construct, IConstruct

from mme.catalog.limits import ENDPOINT_NAME_MAX_CHARS, ENDPOINT_NAME_PATTERN, TARGET_MODEL_MAX_CHARS
from mme_cdk.endpoint_config import EndpointConfig
from mme_cdk.scaling import ScalableInstanceCount
from mme_cdk.validation import PropsError, known, require


class EndpointBase(Construct):
    """What an endpoint offers, whoever defines it: its name, its ARN, rights for its callers."""

    def __init__(self, scope: Construct, id: str, *, endpoint_name: str | None = None) -> None:
        super().__init__(scope, id)
        self._endpoint_name = endpoint_name or _default_name(self)
        require(_name_fault(self._endpoint_name), path=self.node.path)

    @property
    def endpoint_name(self) -> str:
        """The endpoint's name, as `InvokeEndpoint` takes it."""
        return self._endpoint_name

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

    def grant(self, grantee: aws_iam.IGrantable, *actions: str) -> aws_iam.Grant:
        """Let it take these `sagemaker:` actions on this endpoint."""
        return aws_iam.Grant.add_to_principal(
            grantee=grantee, actions=list(actions), resource_arns=[self.endpoint_arn]
        )

    def grant_invoke(self, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        """Let it call every model of this endpoint."""
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
            "no pattern was given: name at least one, such as tenant-a/*, or use grant_invoke"
            if not patterns
            else None,
            *(_pattern_fault(pattern) for pattern in patterns),
            path=self.node.path,
        )
        return aws_iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["sagemaker:InvokeEndpoint"],
            resource_arns=[self.endpoint_arn],
            conditions={"StringLike": {"sagemaker:TargetModel": list(patterns)}},
        )


class Endpoint(EndpointBase):
    """A SageMaker endpoint.

    Its name is fixed at synth, so that it is updated in place for good, and alarms, log queries and grants
    can name it without depending on it.

    Attributes:
        config: what it runs on.
    """

    def __init__(
        self, scope: Construct, id: str, *, config: EndpointConfig, endpoint_name: str | None = None
    ) -> None:
        """Define the endpoint.

        Args:
            scope: the parent.
            id: the construct's id.
            config: what it runs on.
            endpoint_name: its name; another name is another endpoint. Default: derived from the path.

        Raises:
            PropsError: a name that SageMaker does not take.
        """
        super().__init__(scope, id, endpoint_name=endpoint_name)
        self.config = config
        self._scaling: ScalableInstanceCount | None = None
        self._resource = aws_sagemaker.CfnEndpoint(
            self,
            "Resource",
            endpoint_name=self.endpoint_name,
            endpoint_config_name=config.endpoint_config_name,
        )

    def auto_scale_instance_count(self, *, min_capacity: int = 1, max_capacity: int) -> ScalableInstanceCount:
        """Let the instance count follow the load; say by what on the object returned.

        From then on an update of the endpoint keeps the live instance count and does not go back to the
        config's. An initial count below `min_capacity` is raised to it.

        Args:
            min_capacity: fewest instances, at least 1. Default: 1.
            max_capacity: most instances.

        Raises:
            PropsError: bounds that contradict each other or the config, or a second call.
        """
        if self._scaling is not None:
            raise PropsError(
                ["auto_scale_instance_count was called twice; add policies to what the first call returned"],
                path=self.node.path,
            )
        self._scaling = ScalableInstanceCount(
            self, "Scaling", endpoint=self, min_capacity=min_capacity, max_capacity=max_capacity
        )
        self._resource.retain_all_variant_properties = True
        return self._scaling


def _default_name(scope: IConstruct) -> str:
    """The name that an endpoint gets from its path: stable, unique in the app, valid, in lower case."""
    return Names.unique_resource_name(scope, max_length=ENDPOINT_NAME_MAX_CHARS, separator="-").lower()


def _name_fault(name: str) -> str | None:
    if not known(name) or (
        len(name) <= ENDPOINT_NAME_MAX_CHARS and re.fullmatch(ENDPOINT_NAME_PATTERN, name) is not None
    ):
        return None
    return (
        f"endpoint_name {name} is not valid: use at most {ENDPOINT_NAME_MAX_CHARS} letters, digits and "
        "hyphens, a letter or digit first and last"
    )


def _pattern_fault(pattern: str) -> str | None:
    if not known(pattern):
        return None
    if not pattern or len(pattern) > TARGET_MODEL_MAX_CHARS:
        return f"pattern of {len(pattern)} characters matches no model: use 1 to {TARGET_MODEL_MAX_CHARS}"
    if pattern.startswith(("/", "s3:")):
        return f"pattern {pattern} matches no model: write it relative to the models' prefix, as tenant-a/*"
    return None
