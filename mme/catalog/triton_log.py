"""Regular expressions for Triton's log lines about single models.

Its SageMaker server logs each load, call and unload of a TargetModel, and its model lifecycle logs the
outcome of a load. Newer versions quote messages, older ones don't: the expressions match both.

Sources: triton-inference-server/server, `src/sagemaker_server.cc`; triton-inference-server/core,
`src/model_lifecycle.cc`.
"""

from __future__ import annotations

from typing import Final

# A quote, a backslash (of an escaped line end) and a line end end the name.
_TARGET: Final = r"[^\"\\\n]+"

MODEL_CALLED: Final = rf"Invoking SageMaker TargetModel: (?P<model>{_TARGET})"
"""A call that reached the container."""

MODEL_LOADING: Final = rf"Loading SageMaker TargetModel: (?P<model>{_TARGET})"
"""A load begins; the download is over."""

MODEL_EVENT: Final = rf"(?P<verb>Loading|Invoking|Unloading) SageMaker TargetModel: (?P<model>{_TARGET})"
"""A load or an unload begins, or a call reached the container."""

# With namespaces on, a model's identity is `/opt/ml/models/HASH::NAME`.
MODEL_LOADED: Final = r"successfully loaded '(?:[^']*::)?(?P<model>[^']+)'"
"""A load ended well."""

MODEL_UNLOADED: Final = r"successfully unloaded '(?:[^']*::)?(?P<model>[^']+)'"
"""An unload is done."""

# Logged twice for each failure, and only the first time with the version and the reason.
MODEL_FAILED: Final = r"failed to load '(?:[^']*::)?(?P<model>[^']+)' version -?\d+: (?P<reason>.*)"
"""A load failed."""
