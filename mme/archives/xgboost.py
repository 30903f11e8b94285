"""Archives for AWS's XGBoost container.

Source: SageMaker Python SDK documentation, "Using XGBoost with the SageMaker Python SDK".
"""

from __future__ import annotations

from typing import ClassVar, Final

from mme.archives.model_directory import Member
from mme.archives.one_file import PICKLE_ENDINGS, OneFileArchive

_ENDINGS: Final = (".ubj", ".bst", ".xgb", ".model", ".deprecated")


class XGBoost(OneFileArchive):
    """A saved booster at the root."""

    example: ClassVar[str] = "xgboost-model"

    def matches(self) -> bool:
        """Return whether a file at the root is a booster, by its name or its first bytes."""
        return any(_is_booster(member, self.contents.start(member.path)) for member in self.root)


def _is_booster(member: Member, start: bytes) -> bool:
    if member.name.startswith("xgboost-model") or member.name.endswith(_ENDINGS):
        return True
    if member.name.endswith(PICKLE_ENDINGS):
        return b"xgboost" in start
    # JSON and UBJSON both begin with the learner, the old binary form with a magic word.
    return start.startswith(b"binf") or (start[:1] == b"{" and b"learner" in start[:60])
