"""Settings of a local endpoint: flags of ``mme local up`` over ``MME_LOCAL_*`` variables over defaults."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mme.aws.settings import LOCAL_PORT, THIS_MACHINE
from mme.catalog import limits
from mme.errors import MmeError, plain_reason
from mme.fleet import EvictionOrder, Placement


class ServerKind(StrEnum):
    """A server of this machine that serves in place of an image."""

    TRITON = "triton"
    XGBOOST = "xgboost"
    SCIKIT_LEARN = "scikit-learn"
    PYTORCH = "pytorch"
    TOOLKIT = "toolkit"
    HUGGING_FACE = "hugging-face"


class LocalSettings(BaseSettings):
    """Settings of one local endpoint. The memory rule is an assumption: AWS publishes none.

    Attributes:
        port: the localhost port; 0 takes a free one.
        memory_mib: memory of each instance for models, in MiB.
        weight_factor: a model's weight is its unpacked bytes times this. Real use differs by framework.
        floor_mib: least weight of a model by backend, in MiB: ``python=45,onnxruntime=54`` is what an
            idle one takes (measured). Without it, a model weighs no more than its files.
        disk_mib: disk of each instance for unpacked models, in MiB; the limit for one archive, too.
        eviction: order in which unused models are evicted from memory and disk: ``lru``, ``lfu`` or ``fifo``.
        placement: instance that loads a new model: ``most-free``, ``least-busy`` or ``first``.
        payload_bytes: largest body of a request.
        load_seconds: time limit of one download and load (AWS: 360).
        invoke_seconds: time limit of one request (AWS: 60).
        spill_at: requests in flight for one model at which a second instance loads it too.
        start_seconds: time limit of a container's start.
        containers: ``wheel`` serves by servers from PyPI, NVIDIA's Triton, AWS's Multi Model Server
            and TorchServe;
            ``docker`` starts the deployed image under Docker; ``auto`` uses Docker if a daemon answers.
        images: servers for images that the local endpoint can't tell, as ``REPOSITORY=KIND``, separated by
            commas; a repository may have wildcards.
        metrics_seconds: time between two publications of metrics (AWS: 60).
        enforce_iam: whether to check callers that are users or roles of embedded IAM.
        allowed_hosts: host names to answer in addition to ``*.localhost`` and addresses, separated by commas.
        other_users: whether to answer other users of this machine, who can then run code as this user.
    """

    model_config = SettingsConfigDict(env_prefix="MME_LOCAL_", extra="forbid", allow_inf_nan=False)

    port: int = Field(LOCAL_PORT, ge=0, le=65535)
    memory_mib: float = Field(1024, gt=0)
    weight_factor: float = Field(1.5, gt=0)
    floor_mib: str = Field("none", pattern=r"^(none|\w+=\d+(\.\d+)?(,\w+=\d+(\.\d+)?)*)$")
    disk_mib: float = Field(8192, gt=0)
    eviction: EvictionOrder = EvictionOrder.LEAST_RECENTLY_USED
    placement: Placement = Placement.MOST_FREE
    payload_bytes: int = Field(limits.PAYLOAD_MAX_BYTES, ge=1)
    load_seconds: float = Field(limits.LOAD_TIMEOUT_SECONDS, gt=0)
    invoke_seconds: float = Field(limits.INVOKE_TIMEOUT_SECONDS, gt=0)
    spill_at: int = Field(8, ge=1)
    start_seconds: float = Field(120, gt=0)
    containers: Literal["wheel", "docker", "auto"] = "wheel"
    images: str = "none"
    metrics_seconds: float = Field(60, gt=0)
    enforce_iam: bool = False
    allowed_hosts: str = "localhost"
    other_users: bool = False

    @property
    def memory_bytes(self) -> int:
        """Memory of each instance for models, in bytes."""
        return max(1, int(self.memory_mib * 1024 * 1024))

    @property
    def disk_bytes(self) -> int:
        """Disk of each instance for unpacked models, in bytes."""
        return max(1, int(self.disk_mib * 1024 * 1024))

    @property
    def floor_bytes(self) -> dict[str, int]:
        """Least weight of a model by backend, in bytes."""
        pairs = (pair.split("=") for pair in self.floor_mib.split(",") if pair != "none")
        return {backend: int(float(least) * 1024 * 1024) for backend, least in pairs}

    @property
    def server_kinds(self) -> dict[str, ServerKind]:
        """The kind of server by pattern of an image's repository."""
        return _server_kinds(self.images)

    @field_validator("images")
    @classmethod
    def _check_images(cls, text: str) -> str:
        _server_kinds(text)
        return text


def _server_kinds(text: str) -> dict[str, ServerKind]:
    """Read ``REPOSITORY=KIND,...``. Raises ValueError."""
    found = {}
    parts = (part.strip() for part in text.split(","))
    for part in (part for part in parts if part not in ("", "none")):
        repository, equals, kind = (one.strip() for one in part.partition("="))
        if not (repository and equals and kind in set(ServerKind)):
            raise ValueError(f"{part!r} is not REPOSITORY=KIND with a kind of {', '.join(ServerKind)}")
        found[repository] = ServerKind(kind)
    return found


def chosen_settings(**flags: float | str | None) -> LocalSettings:
    """Return the settings of flags over ``MME_LOCAL_*`` variables over defaults; None is a flag not given.

    Raises:
        MmeError: A value is not valid.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        variables = LocalSettings().model_dump(exclude_unset=True)
        return LocalSettings.model_validate(variables | given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise MmeError(
            f"{name} {first['input']!r} is not valid: {plain_reason(first['msg'])}",
            hint=f"set it by a flag of `mme local up` or by MME_LOCAL_{name.upper()}",
        ) from None


def chosen_port(flag: int | None) -> int:
    """Return the port of the local endpoint that a command is about: the flag, else `named_port`, else 4747.

    Raises:
        MmeError: A variable is not valid.
    """
    if flag is not None:
        return flag
    named = named_port()
    return LOCAL_PORT if named is None else named


def named_port() -> int | None:
    """Return the port in MME_LOCAL_PORT, or in AWS_ENDPOINT_URL if that is this machine; else None.

    So a command is about the local endpoint that AWS clients in this shell use.

    Raises:
        MmeError: A variable is not valid.
    """
    settings = chosen_settings()
    if "port" in settings.model_fields_set and settings.port:  # 0 names no running local endpoint
        return settings.port
    try:
        address = urlsplit(os.environ.get("AWS_ENDPOINT_URL", ""))
        return address.port if address.hostname in THIS_MACHINE else None
    except ValueError:
        return None
