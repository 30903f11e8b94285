from __future__ import annotations

from mme.catalog.metrics import INSTANCE_NAMESPACE, INVOCATION_NAMESPACE, endpoint_metrics


def test_every_metric_once() -> None:
    metrics = endpoint_metrics()
    assert len(metrics) == 18
    assert all(metric.name == name for name, metric in metrics.items())


def test_namespaces() -> None:
    # The leading slash is there in one and not in the other.
    assert INVOCATION_NAMESPACE == "AWS/SageMaker"
    assert INSTANCE_NAMESPACE == "/aws/sagemaker/Endpoints"
    on_instances = {
        name for name, metric in endpoint_metrics().items() if metric.namespace == INSTANCE_NAMESPACE
    }
    assert on_instances == {
        "LoadedModelCount",
        "CPUUtilization",
        "MemoryUtilization",
        "DiskUtilization",
        "GPUUtilization",
        "GPUMemoryUtilization",
    }


def test_times_are_microseconds() -> None:
    for name, metric in endpoint_metrics().items():
        assert (metric.unit == "Microseconds") == name.endswith(("Time", "Latency"))
