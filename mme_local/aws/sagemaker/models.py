"""SageMaker's hosting operations. moto finds `urls` next to a module that is called `models`."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, TypeVar

from moto.sagemaker.exceptions import AWSValidationException
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.utils import arn_formatter

from mme.catalog.instances import instance_type
from mme_local.aws.sagemaker.records import (
    LIVE_MEMBERS,
    EmbeddedEndpoint,
    EmbeddedEndpointConfig,
    EmbeddedModel,
    Request,
    instance_types,
)

if TYPE_CHECKING:
    from moto.applicationautoscaling.models import ApplicationAutoscalingBackend

SCALABLE_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
NOUNS = {"model": "model", "endpoint-config": "endpoint configuration", "endpoint": "endpoint"}
RETAINABLE = frozenset({"DesiredInstanceCount", "DesiredWeight", "DataCaptureConfig"})

_Record = TypeVar("_Record")


class EmbeddedSageMaker(SageMakerModelBackend):
    """moto's SageMaker, with models, endpoint configurations and endpoints that behave like AWS's."""

    # only this class puts records into them
    _models: dict[str, EmbeddedModel]  # type: ignore[assignment]
    endpoint_configs: dict[str, EmbeddedEndpointConfig]  # type: ignore[assignment]
    endpoints: dict[str, EmbeddedEndpoint]  # type: ignore[assignment]

    def arn(self, kind: str, name: str) -> str:
        """Return an ARN.

        Args:
            kind: `model`, `endpoint-config` or `endpoint`.
            name: The record's name.
        """
        return str(arn_formatter(kind, name, self.account_id, self.region_name))

    # --- models and endpoint configurations

    def store_model(self, request: Request) -> EmbeddedModel:
        """CreateModel, from the whole request."""
        name = request["ModelName"]
        self._check_free("model", self._models, name)
        if request.get("PrimaryContainer") and request.get("Containers"):
            raise AWSValidationException(
                "Both PrimaryContainer and Containers can not be specified in one request."
            )
        _check_containers(request.get("Containers") or [request.get("PrimaryContainer") or {}])
        model = EmbeddedModel(self.account_id, self.region_name, request)
        self._models[name] = model
        return model

    def describe_model(self, model_name: str) -> EmbeddedModel:
        """Return the model of that name, or raise AWS's error."""
        return self._find("model", self._models, model_name)

    def delete_model(self, model_name: str) -> None:
        """DeleteModel; as on AWS, a configuration may still name it."""
        self.describe_model(model_name)
        del self._models[model_name]

    def store_endpoint_config(self, request: Request) -> EmbeddedEndpointConfig:
        """CreateEndpointConfig, from the whole request."""
        name = request["EndpointConfigName"]
        self._check_free("endpoint-config", self.endpoint_configs, name)
        config = EmbeddedEndpointConfig(self.account_id, self.region_name, request)
        _refuse_volume_options(config)
        names = [variant["VariantName"] for variant in config.production_variants]
        if duplicates := [name for name in names if names.count(name) > 1]:
            raise AWSValidationException(f"Production variant names must be unique: {duplicates[0]}.")
        for variant in config.production_variants:
            if "ModelName" in variant:  # inference components have none
                self.describe_model(variant["ModelName"])
        self._refuse_for_multi_model(config, request)
        self.endpoint_configs[name] = config
        return config

    def endpoint_config(self, name: str) -> EmbeddedEndpointConfig:
        """Return the configuration of that name, or raise AWS's error."""
        return self._find("endpoint-config", self.endpoint_configs, name)

    def describe_endpoint_config(self, endpoint_config_name: str) -> dict[str, Any]:
        """DescribeEndpointConfig's answer."""
        return self.endpoint_config(endpoint_config_name).response_object

    def delete_endpoint_config(self, endpoint_config_name: str) -> None:
        """DeleteEndpointConfig; as on AWS, an endpoint may still use it."""
        self.endpoint_config(endpoint_config_name)
        del self.endpoint_configs[endpoint_config_name]

    # --- endpoints

    def create_endpoint(
        self, endpoint_name: str, endpoint_config_name: str, tags: list[dict[str, str]]
    ) -> EmbeddedEndpoint:
        """CreateEndpoint: in service immediately."""
        # CreateEndpoint ignores the case of names, and preserves it (API reference, EndpointName).
        same = (name for name in self.endpoints if name.lower() == endpoint_name.lower())
        self._check_free("endpoint", self.endpoints, next(same, endpoint_name))
        config = self.endpoint_config(endpoint_config_name)
        endpoint = EmbeddedEndpoint(
            self.account_id, self.region_name, endpoint_name, config, self._models_of(config), tags
        )
        self.endpoints[endpoint_name] = endpoint
        return endpoint

    def endpoint(self, name: str) -> EmbeddedEndpoint:
        """Return the endpoint of that name, or raise AWS's error."""
        return self._find("endpoint", self.endpoints, name)

    def describe_endpoint(self, endpoint_name: str) -> dict[str, Any]:
        """DescribeEndpoint's answer."""
        return self.endpoint(endpoint_name).response_object

    def update_endpoint(self, request: Request) -> EmbeddedEndpoint:
        """UpdateEndpoint: a new configuration in place, the name and ARN unchanged.

        Raises:
            AWSValidationException: No such endpoint or configuration; or the update would remove a variant
                that is a scalable target, or change its instance type (developer guide,
                endpoint-scaling-update).
        """
        endpoint = self.endpoint(request["EndpointName"])
        config = self.endpoint_config(request["EndpointConfigName"])
        self._refuse_scalable_changes(endpoint, config)
        retained = RETAINABLE if request.get("RetainAllVariantProperties") else frozenset[str]()
        excluded = request.get("ExcludeRetainedVariantProperties") or []
        endpoint.take(
            config, self._models_of(config), retained - {item["VariantPropertyType"] for item in excluded}
        )
        if not request.get("RetainDeploymentConfig"):
            endpoint.last_deployment_config = request.get("DeploymentConfig")
        return endpoint

    def update_endpoint_weights_and_capacities(
        self, endpoint_name: str, desired_weights_and_capacities: list[dict[str, Any]]
    ) -> str:
        """UpdateEndpointWeightsAndCapacities; a weight or count that is not given does not change."""
        names = [item["VariantName"] for item in desired_weights_and_capacities]
        for name in names:
            if names.count(name) > 1:
                raise AWSValidationException(f'The variant name "{name}" was non-unique within the request.')
            self.check_variant(endpoint_name, name)
        endpoint = self.endpoint(endpoint_name)
        live = {variant["VariantName"]: variant for variant in endpoint.production_variants}
        for item in desired_weights_and_capacities:
            changed = live[item["VariantName"]]
            for given, members in LIVE_MEMBERS.items():
                if item.get(given) is not None:
                    changed = {**changed, **dict.fromkeys(members, item[given])}
            live[item["VariantName"]] = changed
        endpoint.resize(list(live.values()))
        return str(endpoint.arn)

    def check_variant(self, endpoint_name: str, variant_name: str) -> None:
        """Raise an error if there is no such endpoint, or it has no such variant.

        AWS publishes no message for an unknown variant.

        Args:
            endpoint_name: The endpoint.
            variant_name: Its variant.
        """
        endpoint = self.endpoint(endpoint_name)
        if variant_name not in {variant["VariantName"] for variant in endpoint.production_variants}:
            raise AWSValidationException(
                f'The variant name(s) "{variant_name}" is/are not present within endpoint configuration '
                f'"{endpoint.endpoint_config_name}".'
            )

    def delete_endpoint(self, endpoint_name: str) -> None:
        """DeleteEndpoint, and its scalable targets (developer guide, endpoint-delete-with-scaling)."""
        endpoint = self.endpoint(endpoint_name)
        if scaling := self._scaling():
            gone = {scaling_resource_id(endpoint_name, one["VariantName"]) for one in endpoint.fleet.variants}
            for resource_id in gone & set(self._scalable_variants()):
                scaling.deregister_scalable_target("sagemaker", resource_id, SCALABLE_DIMENSION)
        del self.endpoints[endpoint_name]

    def _get_resource_from_arn(self, arn: str) -> Any:
        """Return what an ARN names, for the operations on tags, or raise AWS's error."""
        try:
            found = super()._get_resource_from_arn(arn)
        except (AttributeError, ValueError):  # moto's, for a kind that it does not know
            found = None
        if found is None:
            raise AWSValidationException(f'Could not find resource "{arn}".')
        return found

    def add_tags(self, arn: str, tags: list[dict[str, str]]) -> list[dict[str, str]]:
        """AddTags, which overwrites a tag of the same key."""
        self.delete_tags(arn, [tag["Key"] for tag in tags])
        return super().add_tags(arn, tags)

    # --- rules of the operations

    def _find(self, kind: str, records: dict[str, _Record], name: str) -> _Record:
        if name not in records:
            raise AWSValidationException(f'Could not find {NOUNS[kind]} "{self.arn(kind, name)}".')
        return records[name]

    def _check_free(self, kind: str, records: dict[str, _Record], name: str) -> None:
        if name in records:
            arn = self.arn(kind, name)
            raise AWSValidationException(f'Cannot create already existing {NOUNS[kind]} "{arn}".')

    def _refuse_for_multi_model(self, config: EmbeddedEndpointConfig, request: Request) -> None:
        """Refuse what multi-model endpoints can't be (developer guide, "multi-model-support").

        AWS publishes no messages for these.
        """
        for variant in config.production_variants:
            model = self._models.get(variant.get("ModelName", ""))
            if model is None or not any(one.get("Mode") == "MultiModel" for one in model.all_containers):
                continue
            if request.get("AsyncInferenceConfig"):
                raise AWSValidationException(
                    "AsyncInferenceConfig is not supported for endpoints with a MultiModel container; put a "
                    "queue in front of the endpoint (AsyncInvocations, mme invoke --async)."
                )
            if variant.get("ServerlessConfig"):
                raise AWSValidationException(
                    f'ServerlessConfig of variant "{variant["VariantName"]}" is not supported with a '
                    "MultiModel container."
                )

    def _models_of(self, config: EmbeddedEndpointConfig) -> dict[str, EmbeddedModel]:
        names = [variant["ModelName"] for variant in config.production_variants if "ModelName" in variant]
        return {name: self.describe_model(name) for name in names}

    def _refuse_scalable_changes(self, endpoint: EmbeddedEndpoint, config: EmbeddedEndpointConfig) -> None:
        targets = self._scalable_variants()
        after = instance_types(config)
        touched = [
            name
            for name, instance_type in instance_types(endpoint.fleet.config).items()
            if scaling_resource_id(endpoint.endpoint_name, name) in targets
            and after.get(name) != instance_type
        ]
        if touched:
            named = ",".join(f'"{variant}"' for variant in touched)
            raise AWSValidationException(
                f'The variant(s) "[{named}]" must be deregistered as scalable target(s) with AWS '
                "Application Auto Scaling before they can be removed or have their instance type updated."
            )

    def _scaling(self) -> ApplicationAutoscalingBackend | None:
        """Return Application Auto Scaling; None if it is not loaded yet, which takes a second."""
        module = sys.modules.get("moto.applicationautoscaling.models")
        return module.applicationautoscaling_backends[self.account_id][self.region_name] if module else None

    def _scalable_variants(self) -> Collection[str]:
        scaling = self._scaling()
        return scaling.targets.get(SCALABLE_DIMENSION, {}) if scaling else ()


def _check_containers(containers: list[dict[str, Any]]) -> None:
    """Refuse multi-model containers without models, and pipelines that SageMaker does not allow.

    Source: developer guide, "inference-pipelines" and "create-multi-model-endpoint". AWS publishes no
    messages for these.
    """
    multi_model = [one for one in containers if one.get("Mode") == "MultiModel"]
    if any(not one.get("ModelDataUrl") for one in multi_model):
        raise AWSValidationException("A container in MultiModel mode needs ModelDataUrl, an S3 prefix.")
    if len(multi_model) > 1:
        raise AWSValidationException("Only one container of a pipeline can be in MultiModel mode.")


def _refuse_volume_options(config: EmbeddedEndpointConfig) -> None:
    """Refuse a volume key or size for types with local storage (API reference, KmsKeyId).

    AWS publishes no message for this.
    """
    for variant in config.production_variants:
        kind = instance_type(variant.get("InstanceType", ""))
        options = {"KmsKeyId": config.kms_key_id, "VolumeSizeInGB": variant.get("VolumeSizeInGB")}
        given = [name for name, value in options.items() if value]
        if kind and kind.has_local_storage and given:
            raise AWSValidationException(
                f'{given[0]} cannot be specified for variant "{variant["VariantName"]}": '
                f"instance type {kind.name} hosts from its local storage."
            )


def scaling_resource_id(endpoint_name: str, variant_name: str) -> str:
    """Return a variant's resource id in Application Auto Scaling.

    Args:
        endpoint_name: The endpoint.
        variant_name: Its variant.
    """
    return f"endpoint/{endpoint_name}/variant/{variant_name}"
