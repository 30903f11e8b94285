"""What Amazon SageMaker allows: each limit once, with its source.

Sizes are bytes, times are seconds, lengths are characters.
"""

from __future__ import annotations

from typing import Final

TARGET_MODEL_MAX_CHARS: Final = 1024
"""Longest `TargetModel`. Source: botocore sagemaker-runtime service-2, shape `TargetModelHeader`."""

TARGET_MODEL_PATTERN: Final = r"[!-~][ -~]*"
"""Pattern of a `TargetModel`.

Source: shape `TargetModelHeader`, `\\A\\S[\\p{Print}]*\\z`; the first character is printable ASCII here too.
"""

MODEL_DATA_URL_MAX_CHARS: Final = 1024
"""Longest `ModelDataUrl`, the S3 prefix of all models. Source: botocore sagemaker service-2, shape `Url`."""

PAYLOAD_WARN_BYTES: Final = 6 * 1024 * 1024
"""Largest request body in botocore's own shape (`BodyBlob`, 6291456): above it, warn."""

PAYLOAD_MAX_BYTES: Final = 25 * 1000 * 1000
"""Largest real-time request body: above it, refuse. Source: SageMaker AI FAQ, real-time inference, 25 MB."""

INVOKE_TIMEOUT_SECONDS: Final = 60
"""`InvokeEndpoint` answers within this time. Source: SageMaker API reference, InvokeEndpoint."""

CLIENT_READ_TIMEOUT_SECONDS: Final = 70
"""Read timeout a caller should set: above the 60 s of the service. Source: the same page."""

LOAD_TIMEOUT_SECONDS: Final = 360
"""A model's download and load may take this long. Source: SageMaker AI guide, `multi-model-endpoints`."""

CONTAINER_TIMEOUT_RANGE_SECONDS: Final = (60, 3600)
"""Allowed model download and container start timeouts.

Source: botocore sagemaker service-2, shapes `ProductionVariantModelDataDownloadTimeoutInSeconds` and
`ProductionVariantContainerStartupHealthCheckTimeoutInSeconds`.
"""

ENDPOINT_NAME_MAX_CHARS: Final = 63
"""Longest endpoint name. Source: botocore sagemaker service-2, shape `EndpointName`."""

ENDPOINT_NAME_PATTERN: Final = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
"""What an endpoint may be called. Source: botocore sagemaker service-2, shape `EndpointName`."""

ENVIRONMENT_MAX_ENTRIES: Final = 100
"""Most environment variables of a container. Source: botocore sagemaker service-2, shape `EnvironmentMap`."""

ENVIRONMENT_NAME_PATTERN: Final = r"[a-zA-Z_][a-zA-Z0-9_]*"
"""What an environment variable may be called. Source: botocore sagemaker service-2, `EnvironmentKey`."""

ENVIRONMENT_ENTRY_MAX_BYTES: Final = 1024
"""Longest name, and longest value, of an environment variable.

Source: botocore sagemaker service-2, member `Environment` of shape `ContainerDefinition`.
"""

ENVIRONMENT_MAX_BYTES: Final = 32 * 1024
"""Longest environment, names and values of all containers of a model together. Source: the same."""

PIPELINE_MAX_CONTAINERS: Final = 15
"""Most containers of a serial inference pipeline, the multi-model one included.

Source: botocore sagemaker service-2, shape `ContainerDefinitionList`.
"""

CONTAINER_HOSTNAME_PATTERN: Final = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
"""What a container of a pipeline may be called. Source: botocore sagemaker service-2, `ContainerHostname`."""

VPC_MAX_SUBNETS: Final = 16
"""Most subnets of a model. Source: botocore sagemaker service-2, shape `Subnets`."""

VPC_MIN_SUBNETS: Final = 2
"""Fewest subnets of a model, each in another zone. Source: SageMaker AI guide, `host-vpc`."""

VPC_MAX_SECURITY_GROUPS: Final = 5
"""Most security groups of a model. Source: botocore sagemaker service-2, shape `VpcSecurityGroupIds`."""

VARIANT_MIN_INSTANCES: Final = 1
"""Fewest instances of an MME variant. Source: SageMaker AI guide, `endpoint-auto-scaling-prerequisites`."""

SCHEDULE_PATTERN: Final = (
    r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)|rate\([1-9]\d* (minute|hour|day)s?\)|cron\((\S+\s+){5}\S+\)"
)
"""When a scheduled action may run.

Source: botocore application-autoscaling service-2, member `Schedule` of `PutScheduledActionRequest`.
"""

SAFETY_FACTOR: Final = 0.5
"""Share of the measured peak load to scale on. Source: SageMaker AI guide, `endpoint-scaling-loadtest`."""

DEPLOYMENT_WAIT_RANGE_SECONDS: Final = (0, 3600)
"""Allowed waits of a deployment: after each move, and before the old fleet ends.

Source: botocore sagemaker service-2, shapes `WaitIntervalInSeconds` and `TerminationWaitInSeconds`.
"""

DEPLOYMENT_TIMEOUT_RANGE_SECONDS: Final = (600, 28800)
"""Allowed time limit of a deployment.

Source: botocore sagemaker service-2, shape `MaximumExecutionTimeoutInSeconds`.
"""

ROLLBACK_ALARMS_MAX: Final = 10
"""Most alarms that may roll a deployment back. Source: botocore sagemaker service-2, shape `AlarmList`."""

CANARY_PERCENT_RANGE: Final = (1, 50)
"""Allowed canary, percent of a variant's instances.

Source: botocore sagemaker service-2, member `CanarySize` of `TrafficRoutingConfig`.
"""

LINEAR_STEP_PERCENT_RANGE: Final = (10, 50)
"""Allowed linear step, percent of a variant's instances.

Source: botocore sagemaker service-2, member `LinearStepSize` of `TrafficRoutingConfig`.
"""

ROLLING_BATCH_PERCENT_RANGE: Final = (5, 50)
"""Allowed rolling batch, percent of a variant's instances.

Source: botocore sagemaker service-2, member `MaximumBatchSize` of `RollingUpdatePolicy`.
"""

VOLUME_SIZE_RANGE_GIB: Final = (1, 512)
"""Allowed storage volume of an instance, GiB.

Source: botocore sagemaker service-2, shape `ProductionVariantVolumeSizeInGB`.
"""

VARIANT_NAME_PATTERN: Final = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
"""What a variant may be called. Source: botocore sagemaker service-2, shape `VariantName`."""

VARIANT_NAME_MAX_CHARS: Final = 63
"""Longest variant name. Source: botocore sagemaker service-2, shape `VariantName`."""

VARIANTS_MAX: Final = 10
"""Most production variants of an endpoint. Source: botocore sagemaker service-2, `ProductionVariantList`."""

METRIC_FREQUENCIES_SECONDS: Final = (10, 30, 60, 120, 180, 240, 300)
"""How often an endpoint may publish its metrics.

Source: botocore sagemaker service-2, member `MetricPublishFrequencyInSeconds` of `MetricsConfig`.
"""

CAPTURE_URI_MAX_CHARS: Final = 512
"""Longest destination of captured data. Source: botocore sagemaker service-2, shape `DestinationS3Uri`."""

CAPTURE_PERCENT_RANGE: Final = (0, 100)
"""Allowed sampling of data capture, percent. Source: botocore sagemaker service-2, `SamplingPercentage`."""

MANAGED_POLICY_MAX_CHARS: Final = 6144
"""Longest managed policy, white space not counted. Source: IAM user guide, `reference_iam-quotas`."""
