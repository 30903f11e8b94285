"""The CloudWatch metrics of an endpoint, as CDK metrics."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, TypedDict, Unpack

from aws_cdk import Duration
from constructs import Construct

from mme.catalog.metrics import endpoint_metrics
from mme_cdk._internal.expectations import DURATION, TEXT, expect
from mme_cdk._internal.validation import PropsError, require
from mme_cdk._internal.validation import known as is_known

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch


class MetricProps(TypedDict, total=False):
    """What every metric method takes.

    Attributes:
        statistic: such as `Average`, `p99` or `SampleCount`. Default: the metric's usual one.
        period: Default: 1 minute, as the metrics come.
        label: in graphs. Default: the metric's name.
        color: in graphs, such as `#1f77b4`. Default: CloudWatch's choice.
        variant_name: which variant's. Default: the endpoint's first.
    """

    statistic: str
    period: Duration
    label: str
    color: str
    variant_name: str


class EndpointMetrics(Construct):
    """The part of an endpoint that answers for its metrics: one method for each, and `metric` for any.

    A metric knows its unit, which each method says, but does not filter by it: CloudWatch shows nothing at
    all where a filter and the published unit differ. A metric names the endpoint and never depends on it,
    so an alarm on it may roll the endpoint's deployments back.
    """

    _endpoint_name: str
    _variant_name: str

    @property
    def endpoint_name(self) -> str:
        """The endpoint's name, as `InvokeEndpoint` takes it."""
        return self._endpoint_name

    @property
    def variant_name(self) -> str:
        """The first variant's name: metrics are of this one, unless told otherwise."""
        return self._variant_name

    def metric(
        self, metric_name: str, *, namespace: str | None = None, **props: Unpack[MetricProps]
    ) -> aws_cloudwatch.Metric:
        """A metric of one variant.

        Args:
            metric_name: such as `ModelCacheHit`.
            namespace: of a metric that SageMaker began to publish later. Default: the known metric's own.
            props: see `MetricProps`.

        Raises:
            PropsError: an unknown name without a namespace, or a variant that the endpoint has not.
        """
        from aws_cdk import aws_cloudwatch

        variant_name = props.get("variant_name")
        require(
            expect("metric_name", metric_name, TEXT),
            expect("variant_name", variant_name, TEXT, optional=True),
            expect("statistic", props.get("statistic"), TEXT, optional=True),
            expect("period", props.get("period"), DURATION, optional=True),
            at=self,
        )
        if variant_name is not None and is_known(variant_name):
            self.require_variant(variant_name)
        known = endpoint_metrics().get(metric_name)
        if known is None and namespace is None:
            near = get_close_matches(metric_name, endpoint_metrics(), n=1)
            way_out = f"did you mean {near[0]}" if near else "give its namespace, too"
            raise PropsError(
                [f"{metric_name} is no metric of a multi-model endpoint: {way_out}"], path=self.node.path
            )
        dimensions = {
            "EndpointName": self.endpoint_name,
            "VariantName": self.variant_name if variant_name is None else variant_name,
        }
        metric = aws_cloudwatch.Metric(
            namespace=namespace or (known.namespace if known else ""),
            metric_name=metric_name,
            dimensions_map=dimensions,
            statistic=props.get("statistic") or (known.statistic if known else "Average"),
            period=props.get("period") or Duration.minutes(1),
            label=props.get("label"),
            color=props.get("color"),
        )
        return self._place(metric)

    def require_variant(self, name: str) -> None:
        """Do nothing where it may have this variant, as every endpoint that was imported.

        Args:
            name: the variant's.

        Raises:
            PropsError: the endpoint is known to have no variant of this name.
        """

    def _place(self, metric: aws_cloudwatch.Metric) -> aws_cloudwatch.Metric:
        """The metric, for use in stacks of other accounts and regions, too."""
        return metric.attach_to(self)

    def metric_invocations(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Requests to the variant. Count; Sum."""
        return self.metric("Invocations", **props)

    def metric_invocations_per_instance(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Requests to the variant by the number of its instances. Count; Sum, the only statistic it has."""
        return self.metric("InvocationsPerInstance", **props)

    def metric_invocation_4xx_errors(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Requests answered with 4xx, unknown target models among them. Count; Sum."""
        return self.metric("Invocation4XXErrors", **props)

    def metric_invocation_5xx_errors(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Requests answered with 5xx. Count; Sum."""
        return self.metric("Invocation5XXErrors", **props)

    def metric_invocation_model_errors(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Requests that the container answered with anything but 2xx. Count; Sum."""
        return self.metric("InvocationModelErrors", **props)

    def metric_model_latency(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """How long the container takes to answer, seen from SageMaker. Microseconds; Average."""
        return self.metric("ModelLatency", **props)

    def metric_overhead_latency(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """What SageMaker adds to the container's time. Microseconds; Average."""
        return self.metric("OverheadLatency", **props)

    def metric_model_cache_hit(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Share of requests whose model was in memory, 0 to 1. No unit; Average."""
        return self.metric("ModelCacheHit", **props)

    def metric_model_loading_wait_time(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """How long a request waits for download and load. Microseconds; Average."""
        return self.metric("ModelLoadingWaitTime", **props)

    def metric_model_downloading_time(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """How long a model comes down from S3. Microseconds; Average."""
        return self.metric("ModelDownloadingTime", **props)

    def metric_model_loading_time(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """How long the container's load takes. Microseconds; Average."""
        return self.metric("ModelLoadingTime", **props)

    def metric_model_unloading_time(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """How long the container's unload takes. Microseconds; Average.

        With `statistic="SampleCount"` it counts evictions: the sign that memory is too small.
        """
        return self.metric("ModelUnloadingTime", **props)

    def metric_loaded_model_count(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Models in memory, of all instances together: one on two instances counts twice. Count; Sum."""
        return self.metric("LoadedModelCount", **props)

    def metric_cpu_utilization(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Load of an instance's processors: 0 to 100 for each vCPU, 400 for four. Percent; Average."""
        return self.metric("CPUUtilization", **props)

    def metric_memory_utilization(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Main memory in use, 0 to 100. Percent; Average."""
        return self.metric("MemoryUtilization", **props)

    def metric_disk_utilization(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Storage in use by the downloaded models, 0 to 100. Percent; Average."""
        return self.metric("DiskUtilization", **props)

    def metric_gpu_utilization(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """Load of the GPU, 0 to 100 on the single-GPU types of these endpoints. Percent; Average."""
        return self.metric("GPUUtilization", **props)

    def metric_gpu_memory_utilization(self, **props: Unpack[MetricProps]) -> aws_cloudwatch.Metric:
        """GPU memory in use, 0 to 100; loaded models fill it. Percent; Average."""
        return self.metric("GPUMemoryUtilization", **props)
