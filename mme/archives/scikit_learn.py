"""Archives for AWS's scikit-learn container.

Source: SageMaker Python SDK documentation, "Using Scikit-learn with the SageMaker Python SDK".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from mme.archives.framework_archive import CODE_FILE
from mme.archives.one_file import PICKLE_ENDINGS, OneFileArchive
from mme.findings import Finding


class ScikitLearn(OneFileArchive):
    """A pickled estimator at the root, with code that loads it."""

    example: ClassVar[str] = "model.joblib"

    def matches(self) -> bool:
        """Return whether there is a pickle. Pickles of boosters match XGBoost too, which comes first."""
        return bool(self.anywhere((*PICKLE_ENDINGS, ".skops")))

    def check(self) -> Iterator[Finding]:
        """Yield what is wrong with the model's file and the code."""
        yield from super().check()
        if self.code and not self.code.error and not self.loads_itself:
            text = f"{CODE_FILE} has no model_fn: the container has no default that loads a model"
            hint = "define model_fn(model_dir), which returns the loaded model"
            yield Finding.error("handler-missing", text, hint)
