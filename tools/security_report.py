"""Write the tables of docs/security.md and docs/compliance.md.

`python -m tools.security_report` ends with status 1 on a finding that is not acknowledged, on an
acknowledgement without a reason, and on one without a finding. tests/tools checks the same.
"""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from mme.errors import MmeError
from tools.security import tables
from tools.security.exceptions import Exemption, exemptions
from tools.security.packs import Review, review
from tools.security.policies import Permission, Policies
from tools.security.synthesis import (
    ROOT,
    context,
    environment,
    example,
    production,
    production_with_queue,
    queued,
    templates,
)

SECURITY: Final = ROOT / "docs" / "security.md"
COMPLIANCE: Final = ROOT / "docs" / "compliance.md"
_QUEUE: Final = "Async"  # id of the queue's construct in the serving stack
_KINDS: Final = {
    "AWS::IAM::Role": "role",
    "AWS::S3::BucketPolicy": "bucket policy",
    "AWS::KMS::Key": "key policy",
    "AWS::SNS::TopicPolicy": "topic policy",
    "AWS::SQS::QueuePolicy": "queue policy",
    "AWS::EC2::VPCEndpoint": "VPC endpoint policy",
}


@dataclass(frozen=True)
class Report:
    """The content of the pages; each part is computed on first use.

    Attributes:
        folder: Folder for synthesized templates.
    """

    folder: Path

    @cached_property
    def review(self) -> Review:
        """Findings of the packs in prod."""
        return review(production, context())

    @cached_property
    def _production(self) -> list[Path]:
        return templates(self.folder / "prod", (environment("prod"),))

    @cached_property
    def permissions(self) -> list[Permission]:
        """Permissions in prod's templates."""
        return _permissions(self._production)

    @cached_property
    def queue_review(self) -> Review:
        """Findings of the packs in prod with the queue for asynchronous requests."""
        return review(production_with_queue, context())

    @cached_property
    def _queue_files(self) -> list[Path]:
        return templates(self.folder / "queue", (queued(),))

    @cached_property
    def queue(self) -> list[Permission]:
        """Permissions that the queue adds."""
        found = _permissions(self._queue_files)
        return [one for one in found if one.holder.startswith(_QUEUE)]

    @cached_property
    def queue_exemptions(self) -> list[Exemption]:
        """Acknowledged findings of cfn-lint and checkov on the queue."""
        return [one for one in exemptions(self._queue_files) if one.resource.startswith(_QUEUE)]

    @cached_property
    def pipeline(self) -> list[Permission]:
        """Permissions of the example pipeline in prod's account."""
        files = example("github_actions", self.folder / "github")
        return _permissions([file for file in files if file.name.startswith("github-access-prod.")])

    @cached_property
    def tenants(self) -> list[Permission]:
        """Permissions of the example tenants."""
        return _permissions(example("multi_tenant", self.folder / "tenants"))

    @cached_property
    def exemptions(self) -> list[Exemption]:
        """Acknowledged findings of cfn-lint and checkov in prod."""
        return exemptions(self._production)

    def faults(self) -> list[str]:
        """Return why prod is not clean."""
        bare = [
            f"{one.tool} {one.check} at {one.resource or one.template} is acknowledged without a reason"
            for one in [*self.exemptions, *self.queue_exemptions]
            if not one.reason.strip()
        ]
        return [*self.review.faults(), *self.queue_review.faults(), *bare]

    def pages(self) -> dict[Path, str]:
        """Return the pages' new texts.

        Raises:
            MmeError: A permission without a purpose, or a page without a place for a table.
        """
        names = {
            file.name.removesuffix(".template.json"): "store" if "ModelStore" in file.name else "serving"
            for file in [*self._production, *self._queue_files]
        }
        queue = self.queue_review.below(f"{queued().name}/Serving/{_QUEUE}")
        blocks = {
            SECURITY: {
                "prod": tables.permissions(self.permissions, _title),
                "queue": tables.permissions(self.queue, _title),
                "pipeline": tables.permissions(self.pipeline, _title),
                "tenants": tables.permissions(self.tenants, _title, only="tenanta.*"),
            },
            COMPLIANCE: {
                "packs": tables.packs(self.review),
                "accepted": tables.accepted(self.review),
                "queue-packs": tables.packs(self.queue_review),
                "queue-accepted": tables.accepted(queue),
                "queue-linters": tables.linters(self.queue_exemptions, names),
                "linters": tables.linters(self.exemptions, names),
            },
        }
        return {page: filled(page.read_text("utf-8"), parts) for page, parts in blocks.items()}


def filled(page: str, blocks: dict[str, str]) -> str:
    """Return a page with each block between its two comments.

    Args:
        page: Markdown.
        blocks: New text by name.

    Raises:
        MmeError: The page has no such place, or more than one.
    """
    for name, block in blocks.items():
        between = rf"(?<=<!-- begin {name} )([^\n]*-->\n).*?(?=<!-- end {name} -->)"
        places = list(re.finditer(between, page, re.DOTALL))
        if len(places) != 1:
            raise MmeError(f"the page has {len(places)} places for the table {name}: it needs one")
        page = f"{page[: places[0].end(1)]}\n{block}\n\n{page[places[0].end() :]}"
    return page


def _permissions(files: list[Path]) -> list[Permission]:
    policies = Policies.of_files(files)
    if attached := policies.attached():
        raise MmeError(f"roles have managed policies that no template shows: {attached}")
    return policies.permissions()


def _title(permission: Permission) -> str:
    return f"{permission.holder} ({_KINDS[permission.kind]})"


def main() -> int:
    """Write the pages; return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        report = Report(Path(folder))
        try:
            faults = report.faults()
            for page, text in report.pages().items():
                page.write_text(text, "utf-8")
        except MmeError as error:
            faults = [str(error)]
    for fault in faults:
        sys.stderr.write(f"error: {fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
