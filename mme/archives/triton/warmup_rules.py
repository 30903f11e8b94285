"""What Triton requires of a config's model_warmup: it sends the samples as requests when it loads the model.

Tried on Triton 2.51: a sample that the model would not take as a request fails the load.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mme.archives.triton.config import TritonConfig
from mme.findings import Finding

_ANY_LENGTH = -1


def warmup_findings(config: TritonConfig, source: str) -> Iterator[Finding]:
    """Yield why Triton would refuse a warm-up.

    Args:
        config: The model's.
        source: The config's path, for messages.
    """
    message = config.message
    inputs = {tensor.name: tensor for tensor in message.input}
    for sample in message.model_warmup:
        where = f"the warm-up {sample.name or 'without a name'} in {source}"
        if message.max_batch_size and sample.batch_size > message.max_batch_size:
            text = f"{where} has batches of {sample.batch_size}; the maximum is {message.max_batch_size}"
            yield Finding.error("warmup-input", text, "lower its batch_size")
        missing = [name for name, one in inputs.items() if not one.optional and name not in sample.inputs]
        if missing:
            text = f"{where} has no input {missing[0]}, which the model requires"
            yield Finding.error("warmup-input", text, f'add inputs {{ key: "{missing[0]}" value {{ ... }} }}')
        for name in sorted(inputs.keys() & sample.inputs.keys()):
            yield from _input(inputs[name], sample.inputs[name], f"the input {name} of {where}")


def _input(tensor: Any, given: Any, where: str) -> Iterator[Finding]:
    if given.data_type != tensor.data_type:
        text = f"{where} has another data_type than the model's"
        yield Finding.error("warmup-input", text, "write the type of the input")
    elif tensor.dims and not _fits(given.dims, tensor.dims):
        text = f"{where} has the dims {list(given.dims)}; the model's are {list(tensor.dims)}"
        yield Finding.error("warmup-input", text, "write the dims of the input, without the batch")


def _fits(given: Sequence[int], wanted: Sequence[int]) -> bool:
    return len(given) == len(wanted) and all(
        want in (_ANY_LENGTH, have) for have, want in zip(given, wanted, strict=True)
    )
