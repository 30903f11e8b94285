"""The `mme` command. Nothing heavy is imported before a command that needs it runs."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import warnings
from typing import Annotated, Any, ClassVar, TypeGuard

import typer

from mme.cli.deployment import Target
from mme.cli.lazy import LazyGroup
from mme.errors import MmeError


class _Nouns(LazyGroup):
    nouns: ClassVar[tuple[tuple[str, str, str], ...]] = (
        (
            "local",
            "Run the same endpoint on this machine: embedded AWS and NVIDIA's real Triton.",
            "mme_local.cli.local",
        ),
        ("models", "Publish models, look at them, promote and retire them.", "mme.cli.models"),
        ("archives", "Say how the container will read a model.tar.gz, offline.", "mme.cli.archives"),
        ("invoke", "Call a model and show what it answers.", "mme.cli.invoke"),
        ("async", "Follow asynchronous requests: status, results, dead letters.", "mme.cli.async_requests"),
        ("endpoint", "See how a deployed endpoint is, mend it, and clean it up.", "mme.cli.endpoint"),
    )

    def invoke(self, ctx: Any) -> Any:
        """Runs a command; the way out of its error has the flags that were given to it."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            explained = _in_words(error)
            if explained is None:
                raise
            target = ctx.find_object(Target)
            if target is not None and explained.hint:
                explained.hint = target.in_full(explained.hint)
            raise explained from error.__cause__ if explained is error else error


app = typer.Typer(
    cls=_Nouns,
    no_args_is_help=True,
    # A traceback is for our own bugs, and then it should be whole and plain.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"mme {version('sagemaker-mme')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    env: Annotated[
        str | None, typer.Option("--env", help="Environment: local, dev, staging, prod. [MME_ENV; local]")
    ] = None,
    stack: Annotated[
        str | None, typer.Option("--stack", help="Serving stack, if not mme-ENV-serving. [MME_STACK]")
    ] = None,
    profile: Annotated[str | None, typer.Option("--profile", help="AWS profile. [MME_PROFILE]")] = None,
    region: Annotated[str | None, typer.Option("--region", help="AWS region. [MME_REGION]")] = None,
    endpoint_url: Annotated[
        str | None, typer.Option("--endpoint-url", help="Where AWS is, if not at AWS. [MME_ENDPOINT_URL]")
    ] = None,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Publish and call the models of a SageMaker multi-model endpoint, in AWS or on this machine.

    Example: mme --env dev models add model_registry/add_sub
    """
    context.obj = Target(env=env, stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)


def main() -> None:
    """Entry point: an error a user can mend is one clear line and status 2, never a traceback."""
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        try:
            app()
        finally:
            # Here and not at the interpreter's end: a full disk is an error to tell.
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if _is_of_output(error):
            _let_go_of_output()
        explained = _explained(error)
        if explained is None:
            raise
        from mme.console import print_error

        print_error(explained)
        sys.exit(explained.exit_status)


def _is_of_output(error: BaseException) -> TypeGuard[OSError]:
    """True where standard output can't be written: a full disk, or a reader that went away."""
    if not isinstance(error, OSError) or error.filename is not None:
        return False
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE)


def _let_go_of_output() -> None:
    """Without this, the interpreter would try once more to write what is left, and complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explained(error: Exception) -> MmeError | None:
    if _is_of_output(error):
        reason = (error.strerror or str(error)).lower()
        return MmeError(f"the output can't be written: {reason}")
    return _in_words(error)


def _in_words(error: Exception) -> MmeError | None:
    """What the toolkit or AWS says to the user, if it was one of them."""
    if isinstance(error, MmeError):
        return error
    # Where botocore was never loaded, the error can't be one of its own.
    if "botocore" in sys.modules:
        from mme.operate.aws_failures import explain_aws_error

        return explain_aws_error(error)
    return None


def _show_warning(message: Warning | str, category: type[Warning], *_: object) -> None:
    """A warning in the style of the rest, without the source line that raised it."""
    if issubclass(category, UserWarning):
        from mme.console import print_note

        print_note("warning:", str(message))


if __name__ == "__main__":
    main()
