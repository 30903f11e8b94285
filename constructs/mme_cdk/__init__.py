"""AWS CDK constructs for Amazon SageMaker multi-model endpoints.

`MultiModelEndpoint` defines a whole endpoint. Its parts are constructs, too: `ModelBucket` and `ModelStore`
(storage), `MultiModel` (image, models, role), `EndpointConfig` and `Endpoint`, `ScalableInstanceCount`,
`EndpointMonitoring` and `AsyncInvocations`. Each of their optional props is documented once: at
`MultiModelEndpoint`, or in a `...Props` class.

Import names from here. Subpackages are the library's own structure, in layers: `_internal`, `storage`,
`model`, `deployment`, `endpoint` without `endpoint.endpoint`, `scaling`, `endpoint.endpoint`; above them
`monitoring` and `async_invocations`. One arrow points upwards: `MultiModelEndpoint.add_monitoring` imports
`monitoring` inside the method, so that apps without monitoring start faster.
"""

import os
import shutil
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

try:
    # jsii, which starts it, ends in a stack trace about itself; an app that imports aws_cdk first has that.
    if find_spec("aws_cdk") and not shutil.which(os.environ.get("JSII_NODE", "node")):
        raise ImportError(
            "aws-cdk-lib needs Node.js, and there is no node on PATH\n"
            "activate the virtual environment, where sagemaker-mme[cdk] installed it, or install Node.js 22"
        )
    import aws_cdk as _  # noqa: F401
except ModuleNotFoundError as error:
    from mme.errors import missing_package

    missing = missing_package(error, "mme_cdk", "sagemaker-mme[cdk]")
    raise ImportError(str(missing), name=error.name) from error

from mme.catalog.images import Processor
from mme_cdk._internal.acknowledgements import (
    acknowledge,
    acknowledge_checkov,
    acknowledge_config_rule,
    acknowledge_wildcards,
)
from mme_cdk._internal.validation import PropsError
from mme_cdk.deployment.capacity_size import CapacitySize
from mme_cdk.deployment.deployment_strategy import BlueGreenProps, DeploymentStrategy, RollingProps
from mme_cdk.endpoint.data_capture import DataCapture
from mme_cdk.endpoint.endpoint import Endpoint
from mme_cdk.endpoint.endpoint_base import EndpointBase, ImportedEndpoint
from mme_cdk.endpoint.endpoint_config import EndpointConfig, EndpointConfigProps
from mme_cdk.endpoint.endpoint_events import EventRuleProps
from mme_cdk.endpoint.endpoint_metrics import MetricProps
from mme_cdk.endpoint.instance_type import InstanceType
from mme_cdk.endpoint.multi_model_endpoint import MultiModelEndpoint
from mme_cdk.endpoint.production_variant import ProductionVariant, RoutingStrategy, VariantProps
from mme_cdk.model.execution_role import ExecutionRole
from mme_cdk.model.multi_model import ModelProps, MultiModel
from mme_cdk.model.pipeline_container import PipelineContainer
from mme_cdk.model.serving_image import ServingImage, ServingImageConfig
from mme_cdk.model.triton_settings import TritonLogLevel, TritonSettings
from mme_cdk.scaling.scalable_instance_count import ScalableInstanceCount
from mme_cdk.scaling.utilization_scaling import TrackingProps
from mme_cdk.storage.model_bucket import ModelBucket
from mme_cdk.storage.model_store import ModelStore

if TYPE_CHECKING:
    from mme_cdk.async_invocations import AsyncInvocations
    from mme_cdk.monitoring import AlarmThresholds, AlarmTopic, EndpointMonitoring, MonitoringProps

__all__ = [
    "AlarmThresholds",
    "AlarmTopic",
    "AsyncInvocations",
    "BlueGreenProps",
    "CapacitySize",
    "DataCapture",
    "DeploymentStrategy",
    "Endpoint",
    "EndpointBase",
    "EndpointConfig",
    "EndpointConfigProps",
    "EndpointMonitoring",
    "EventRuleProps",
    "ExecutionRole",
    "ImportedEndpoint",
    "InstanceType",
    "MetricProps",
    "ModelBucket",
    "ModelProps",
    "ModelStore",
    "MonitoringProps",
    "MultiModel",
    "MultiModelEndpoint",
    "PipelineContainer",
    "Processor",
    "ProductionVariant",
    "PropsError",
    "RollingProps",
    "RoutingStrategy",
    "ScalableInstanceCount",
    "ServingImage",
    "ServingImageConfig",
    "TrackingProps",
    "TritonLogLevel",
    "TritonSettings",
    "VariantProps",
    "acknowledge",
    "acknowledge_checkov",
    "acknowledge_config_rule",
    "acknowledge_wildcards",
]

# Imported on first use: they load modules of aws-cdk that most apps don't need.
_LATE = {
    "AlarmThresholds": "mme_cdk.monitoring",
    "AlarmTopic": "mme_cdk.monitoring",
    "AsyncInvocations": "mme_cdk.async_invocations",
    "EndpointMonitoring": "mme_cdk.monitoring",
    "MonitoringProps": "mme_cdk.monitoring",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATE[name]), name)


def __dir__() -> list[str]:
    return __all__
