"""Triton's protobuf schema of config.pbtxt, from the tritonclient wheel.

The generated module is loaded by its path: `import tritonclient.grpc` needs grpc and loads all of it.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

from mme.errors import MmeError

_MODULE = "model_config_pb2"


@cache
def load_schema() -> ModuleType:
    """Return the generated module, with `ModelConfig`, `DataType` and the rest.

    Raises:
        MmeError: tritonclient is missing or incompatible with the installed protobuf.
    """
    package = importlib.util.find_spec("tritonclient")
    folders = list(package.submodule_search_locations or []) if package else []
    for folder in folders:
        source = Path(folder) / "grpc" / f"{_MODULE}.py"
        spec = importlib.util.spec_from_file_location(f"mme_triton_{_MODULE}", source)
        if not source.is_file() or spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise MmeError(
                f"Triton's config schema can't be loaded from {source}: {error}",
                hint="pip install --upgrade tritonclient protobuf",
            ) from error
        return module
    raise MmeError(
        "Triton's config schema is missing: tritonclient is not installed",
        hint="pip install tritonclient",
    )
