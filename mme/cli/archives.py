"""`mme archives`: explain how the container reads a model.tar.gz."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mme.cli.options import Json
from mme.console import print_json

if TYPE_CHECKING:
    from mme.archives.explanation import Explanation
    from mme.cli.deployment import Target

app = typer.Typer(
    name="archives", help="Explain offline how the container will read a model.tar.gz.", no_args_is_help=True
)

_NOT_SERVED = 2


class _Processor(StrEnum):
    CPU = "cpu"
    GPU = "gpu"


@app.callback()
def archives() -> None:
    """Explain offline how the container will read a model.tar.gz.

    Example: mme archives explain add_sub_v0.tar.gz
    """


@app.command()
def explain(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            help="A tar.gz, a model's directory, s3://BUCKET/KEY, or a published model's name.",
            metavar="SOURCE",
        ),
    ],
    framework: Annotated[
        str | None,
        typer.Option("--framework", help="The container's framework. Default: what the contents look like."),
    ] = None,
    processor: Annotated[
        _Processor | None, typer.Option("--processor", help="What the endpoint computes on.")
    ] = None,
    instance_type: Annotated[
        str | None, typer.Option("--instance-type", help="The endpoint's type, e.g. ml.g5.xlarge.")
    ] = None,
    image: Annotated[
        str | None,
        typer.Option("--image", help="The serving image's version, e.g. 26.05.", metavar="VERSION"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Explain what an archive is, what is wrong with it, how to fix that, and how large it is.

    The exit status is 0 if the container would serve it, else 2. A directory is read as it would be packed.

    Example: mme archives explain s3://models/add_sub_v0.tar.gz --instance-type ml.g5.xlarge
    """
    from mme.catalog.images import Processor
    from mme.cli.deployment import target_of

    found = _explain(
        target_of(context),
        source,
        framework=framework,
        processor=None if processor is None else Processor(processor.value),
        instance_type=instance_type,
        image_version=image,
    )
    if as_json:
        print_json(found.to_json())
    else:
        from mme.cli.explanations import print_explanation

        print_explanation(found)
    if not found.servable:
        raise typer.Exit(_NOT_SERVED)


def _explain(target: Target, source: str, **options: Any) -> Explanation:
    from mme.archives.explain import explain as explain_archive
    from mme.archives.s3_archive import S3Url, explain_object

    url = S3Url.parse(source)
    is_path = source.startswith(("/", "./", "../")) or Path(source).exists()
    if url is None and not is_path and source.endswith(".tar.gz"):
        # No such file: it is the name of a published model.
        store = target.deployment
        url = S3Url(store.bucket, store.prefix + source)
    if url is None:
        return explain_archive(source, **options)
    return explain_object(target.clients.s3, url, **options)
