"""AWS CDK constructs for Amazon SageMaker multi-model endpoints."""

from mme.catalog.images import Processor
from mme_cdk.acknowledgements import acknowledge, acknowledge_config_rule, acknowledge_wildcards
from mme_cdk.capacity_size import CapacitySize
from mme_cdk.data_capture import DataCapture
from mme_cdk.deployment import DeploymentStrategy
from mme_cdk.endpoint import Endpoint
from mme_cdk.endpoint_base import EndpointBase
from mme_cdk.endpoint_config import EndpointConfig
from mme_cdk.endpoint_metrics import MetricProps
from mme_cdk.execution_role import ExecutionRole
from mme_cdk.model_bucket import ModelBucket
from mme_cdk.model_store import ModelStore
from mme_cdk.multi_model import MultiModel
from mme_cdk.multi_model_endpoint import MultiModelEndpoint
from mme_cdk.pipeline_container import PipelineContainer
from mme_cdk.production_variant import ProductionVariant, RoutingStrategy
from mme_cdk.scaling import ScalableInstanceCount
from mme_cdk.serving_image import ServingImage, ServingImageConfig
from mme_cdk.triton_settings import TritonLogLevel, TritonSettings
from mme_cdk.validation import PropsError

__all__ = [
    "CapacitySize",
    "DataCapture",
    "DeploymentStrategy",
    "Endpoint",
    "EndpointBase",
    "EndpointConfig",
    "ExecutionRole",
    "MetricProps",
    "ModelBucket",
    "ModelStore",
    "MultiModel",
    "MultiModelEndpoint",
    "PipelineContainer",
    "Processor",
    "ProductionVariant",
    "PropsError",
    "RoutingStrategy",
    "ScalableInstanceCount",
    "ServingImage",
    "ServingImageConfig",
    "TritonLogLevel",
    "TritonSettings",
    "acknowledge",
    "acknowledge_config_rule",
    "acknowledge_wildcards",
]
