"""The handlers that the workers of model servers run, by the image that they serve in place of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar, Final

from mme.errors import MmeError
from mme_local.containers.mms.installation import MMS, TORCHSERVE, ModelServer, has

_OWN: Final = "mme_local.containers.mms.handlers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """One handler.

    Attributes:
        title: Name in messages.
        module: Python module of the handler, with ``:FUNCTION`` if the user names a function.
        package: The package that it needs, as PyPI names it; with its module if that has another name.
        program: Whether the image imports the user's program at its start, and has no default ``model_fn``.
        toolkit: Whether the environment is that of SageMaker's inference toolkit.
        server: What runs it.
        code: The folder with the program in each model; empty if models have none.
        below: Another package that it needs, and the first major version that it can't import.
    """

    SERVICE: ClassVar[str] = f"{_OWN}.service"
    """The entry point of the workers; it calls `module`."""

    title: str
    module: str
    package: tuple[str, str]
    program: bool = False
    toolkit: bool = False
    server: ModelServer = MMS
    code: str = ""
    below: tuple[str, int] | None = None

    @property
    def text(self) -> str:
        """The handler with the version of its package."""
        found = _installed(self.package[0])
        return f"{self.title} ({self.package[0]} {found})" if found else self.title

    def check_installed(self) -> None:
        """Raise MmeError if a package is missing or too new."""
        name, module = self.package
        if not has(module):
            raise MmeError(f"{name} is not installed; {self.title} needs it", hint=f"pip install {name}")
        if self.below is None:
            return
        name, major = self.below
        found, hint = _installed(name), f'pip install "{name}<{major}"'
        if not found:
            raise MmeError(f"{name} is not installed; {self.title} needs it", hint=hint)
        if int(found.partition(".")[0]) >= major:
            raise MmeError(f"{name} {found} is installed; {self.text} can't import {name} {major}", hint=hint)


def xgboost(environment: Mapping[str, str]) -> Handler:
    """Return the handler in place of the XGBoost image: algorithm mode, or script mode with a program."""
    package = _xgboost_package()
    if environment.get("SAGEMAKER_PROGRAM"):
        return Handler(
            title="this project's XGBoost handler in script mode",
            module=f"{_OWN}.xgboost_script",
            package=package,
            program=True,
        )
    return Handler(
        title="this project's XGBoost handler", module=f"{_OWN}.xgboost_algorithm", package=package
    )


def scikit_learn(environment: Mapping[str, str]) -> Handler:
    """Return the handler in place of the scikit-learn image.

    Raises:
        MmeError: There is no program: AWS's image does not start without one.
    """
    if not environment.get("SAGEMAKER_PROGRAM"):
        raise MmeError(
            "the scikit-learn image needs a program, and SAGEMAKER_PROGRAM is not set; it has no default "
            "model_fn, and does not read code/ of an archive",
            hint="set SAGEMAKER_PROGRAM=inference.py and SAGEMAKER_SUBMIT_DIRECTORY=s3://.../sourcedir.tar.gz"
            " in the container's environment",
        )
    return Handler(
        title="this project's scikit-learn handler",
        module=f"{_OWN}.scikit_learn",
        package=("scikit-learn", "sklearn"),
        program=True,
    )


def pytorch(environment: Mapping[str, str]) -> Handler:
    """Return the handler in place of the PyTorch image."""
    own = environment.get("SAGEMAKER_HANDLER")
    return Handler(
        title=f"the handler {own}" if own else "this project's PyTorch handler",
        module=own or f"{_OWN}.pytorch",
        package=("torch", "torch"),
        toolkit=True,
        server=TORCHSERVE,
        code="code",
    )


def inference_toolkit(environment: Mapping[str, str]) -> Handler:
    """Return the handler of an image with SageMaker's inference toolkit."""
    own = environment.get("SAGEMAKER_HANDLER")
    return Handler(
        title=f"the handler {own}" if own else "the default handler of SageMaker's inference toolkit",
        module=own or "sagemaker_inference.default_handler_service",
        package=("sagemaker-inference", "sagemaker_inference"),
        toolkit=True,
    )


def hugging_face(environment: Mapping[str, str]) -> Handler:
    """Return the handler of a Hugging Face image.

    The toolkit's last release (2.6) imports ``transformers.file_utils.is_tf_available``, which transformers 5
    does not have.
    """
    name = "sagemaker-huggingface-inference-toolkit"
    module = name.replace("-", "_")
    return Handler(
        title="Hugging Face's inference toolkit",
        module=environment.get("SAGEMAKER_HANDLER") or f"{module}.handler_service",
        package=(name, module),
        toolkit=True,
        below=("transformers", 5),
    )


def _xgboost_package() -> tuple[str, str]:
    """Return the installed one of XGBoost's packages; the one for processors only if there is none."""
    name = next(filter(_installed, ("xgboost", "xgboost-cpu")), "xgboost-cpu")
    return name, "xgboost"


def _installed(name: str) -> str:
    """Return a package's version; empty if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
