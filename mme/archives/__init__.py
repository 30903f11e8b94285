"""What is inside a model.tar.gz: layout, Triton's configuration, packing."""

from mme.archives.errors import ArchiveError, UnreadableArchiveError
from mme.archives.explain import explain
from mme.archives.explanation import Explanation, ModelSummary
from mme.archives.model_directory import Member, ModelDirectory, scan_directory
from mme.archives.packing import PackedArchive, digest_directory, pack_directory, tar_size, write_archive
from mme.archives.signature import TensorSignature, TensorSpec
from mme.archives.triton_config import TritonConfig, parse_config
from mme.archives.triton_layout import MODEL_FILE_MISSING, TritonModel, check_model
from mme.archives.unpacking import unpack

__all__ = [
    "MODEL_FILE_MISSING",
    "ArchiveError",
    "Explanation",
    "Member",
    "ModelDirectory",
    "ModelSummary",
    "PackedArchive",
    "TensorSignature",
    "TensorSpec",
    "TritonConfig",
    "TritonModel",
    "UnreadableArchiveError",
    "check_model",
    "digest_directory",
    "explain",
    "pack_directory",
    "parse_config",
    "scan_directory",
    "tar_size",
    "unpack",
    "write_archive",
]
