"""CloudWatch metrics of an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from aws_cdk import Duration
from constructs import Construct

from mme.catalog.metrics import endpoint_metrics
from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import PropsError, known

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch

    from mme_cdk.endpoint.endpoint_config import EndpointConfig


class MetricProps(TypedDict, total=False):
    """What every metric method takes.

    Attributes:
        statistic: Such as `Average`, `p99` or `SampleCount`. Default: the metric's usual one.
        period: Default: 1 minute, the resolution of these metrics.
        label: Name in graphs. Default: the metric's name.
        color: Color in graphs, such as `#1f77b4`. Default: CloudWatch's choice.
        variant_name: Variant of the metric. Default: the endpoint's first.
        unit: Shows only data published in this unit. Default: any.
        account: Account that the metric is read from. Default: the endpoint's.
        region: Region that the metric is read from. Default: the endpoint's.
        dimensions_map: Dimensions instead of the endpoint's and the variant's names. Default: those.
    """

    statistic: str | None
    period: Duration | None
    label: str | None
    color: str | None
    variant_name: str | None
    unit: aws_cloudwatch.Unit | None
    account: str | None
    region: str | None
    dimensions_map: Mapping[str, str] | None


class EndpointMetrics(Construct):
    """The metrics of an endpoint: a method for each, and `metric` for any.

    Each method's docstring names the metric's unit and default statistic. A metric does not filter by its
    unit: CloudWatch shows nothing if the filter differs from the published unit. A metric names the endpoint
    and does not depend on it, so an alarm on it can roll the endpoint's deployments back.

    Attributes:
        config: What the endpoint runs on; None for an imported one.
    """

    _endpoint_name: str
    _variant_name: str
    _metric_place: Mapping[str, Any]
    config: EndpointConfig | None = None

    @property
    def endpoint_name(self) -> str:
        """Name of the endpoint, as `InvokeEndpoint` takes it."""
        return self._endpoint_name

    @property
    def variant_name(self) -> str:
        """Name of the first variant, the default of all metrics."""
        return self._variant_name

    @checked
    def metric(
        self, metric_name: str, *, namespace: str | None = None, **props: Unpack[MetricProps]
    ) -> aws_cloudwatch.Metric:
        """Return a metric of one variant.

        Args:
            metric_name: Such as `ModelCacheHit`.
            namespace: Namespace of a metric that this library does not know. Default: the known metric's.
            props: See `MetricProps`.

        Raises:
            PropsError: An unknown name without a namespace, or a variant that does not exist.
        """
        from aws_cdk import aws_cloudwatch

        variant_name = props.get("variant_name")
        if variant_name is not None and known(variant_name):
            self.require_variant(variant_name)
        found = endpoint_metrics().get(metric_name)
        if found is None and namespace is None:
            near = get_close_matches(metric_name, endpoint_metrics(), n=1)
            hint = f"did you mean {near[0]}?" if near else "give its namespace, too"
            raise PropsError(
                [f"{metric_name} is not a metric of a multi-model endpoint: {hint}"], path=self.node.path
            )
        return aws_cloudwatch.Metric(
            namespace=namespace or (found.namespace if found else ""),
            metric_name=metric_name,
            dimensions_map=props.get("dimensions_map")
            or {
                "EndpointName": self.endpoint_name,
                "VariantName": self.variant_name if variant_name is None else variant_name,
            },
            statistic=props.get("statistic") or (found.statistic if found else "Average"),
            period=props.get("period") or Duration.minutes(1),
            label=props.get("label"),
            color=props.get("color"),
            unit=props.get("unit"),
            **{
                **self._metric_place,
                **{key: value for key, value in props.items() if key in {"account", "region"} and value},
            },
        )

    def require_variant(self, name: str) -> None:
        """Check that the endpoint has a variant; imported endpoints pass.

        Args:
            name: Name of the variant.

        Raises:
            PropsError: The endpoint has no such variant.
        """
        if self.config is not None:
            self.config.variant(name)

    def metric_invocations(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Requests to the variant. Count; Sum."""
        return self.metric("Invocations", **props)

    def metric_invocations_per_instance(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Requests per instance of the variant. Count; Sum, its only statistic."""
        return self.metric("InvocationsPerInstance", **props)

    def metric_invocation_4xx_errors(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Requests answered with 4xx, such as for unknown target models. Count; Sum."""
        return self.metric("Invocation4XXErrors", **props)

    def metric_invocation_5xx_errors(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Requests answered with 5xx. Count; Sum."""
        return self.metric("Invocation5XXErrors", **props)

    def metric_invocation_model_errors(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Requests that the container did not answer with 2xx. Count; Sum."""
        return self.metric("InvocationModelErrors", **props)

    def metric_model_latency(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Time that the container takes to answer, measured by SageMaker. Microseconds; Average."""
        return self.metric("ModelLatency", **props)

    def metric_overhead_latency(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Time that SageMaker adds to the container's. Microseconds; Average."""
        return self.metric("OverheadLatency", **props)

    def metric_model_cache_hit(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Share of requests whose model was in memory, 0 to 1. No unit; Average."""
        return self.metric("ModelCacheHit", **props)

    def metric_model_loading_wait_time(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Time that a request waits for download and load. Microseconds; Average."""
        return self.metric("ModelLoadingWaitTime", **props)

    def metric_model_downloading_time(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Time to download a model from S3. Microseconds; Average."""
        return self.metric("ModelDownloadingTime", **props)

    def metric_model_loading_time(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Time that the container takes to load a model. Microseconds; Average."""
        return self.metric("ModelLoadingTime", **props)

    def metric_model_unloading_time(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Time that the container takes to unload a model. Microseconds; Average.

        With `statistic="SampleCount"` it counts evictions: memory is too small.
        """
        return self.metric("ModelUnloadingTime", **props)

    def metric_loaded_model_count(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Models in memory, summed over instances: a model on two instances counts twice. Count; Sum."""
        return self.metric("LoadedModelCount", **props)

    def metric_cpu_utilization(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """CPU load of an instance, 0 to 100 per vCPU: four vCPUs reach 400. Percent; Average."""
        return self.metric("CPUUtilization", **props)

    def metric_memory_utilization(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Main memory in use, 0 to 100. Percent; Average."""
        return self.metric("MemoryUtilization", **props)

    def metric_disk_utilization(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Disk in use, mostly by downloaded models, 0 to 100. Percent; Average."""
        return self.metric("DiskUtilization", **props)

    def metric_gpu_utilization(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """GPU load, 0 to 100. Percent; Average."""
        return self.metric("GPUUtilization", **props)

    def metric_gpu_memory_utilization(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """GPU memory in use, 0 to 100; loaded models fill it. Percent; Average."""
        return self.metric("GPUMemoryUtilization", **props)
