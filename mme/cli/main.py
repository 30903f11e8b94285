"""The `mme` command. A command imports what it needs when it runs."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import warnings
from typing import Annotated, Any, ClassVar, Final, TypeGuard

import typer

from mme.cli.deployment import Target
from mme.cli.lazy import DISTRIBUTION, LazyGroup, PluginCommand
from mme.errors import CLOSED_PIPE, INTERRUPTED, MmeError, missing_package, plain_reason

_SYSTEM_HINTS: Final[dict[int | None, str]] = {
    errno.ENAMETOOLONG: "use a shorter path or name",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path",
    errno.EACCES: "check the owner and the mode of this path",
    errno.EPERM: "check the owner and the mode of this path",
    errno.EROFS: "use a path that can be written",
    errno.ENOSPC: "free some space, or set TMPDIR to a folder with more",
    errno.EDQUOT: "free some space, or set TMPDIR to a folder with more",
    errno.EMFILE: "raise the limit of open files: ulimit -n",
}
"""Hints for errors of the operating system that no command explains."""


class _Nouns(LazyGroup):
    nouns: ClassVar[tuple[tuple[str, str, str], ...]] = (
        ("models", "Publish, list, compare, promote and delete models.", "mme.cli.models"),
        ("archives", "Explain how the container reads a model.tar.gz, offline.", "mme.cli.archives"),
        ("invoke", "Call a model and print its answer.", "mme.cli.invoke"),
        ("async", "Follow asynchronous requests: status, results, dead letters.", "mme.cli.async_requests"),
        ("cost", "Compare what endpoints cost in a month.", "mme.cli.cost"),
        ("bench", "Load-test an endpoint at a given rate; latency warm and cold.", "mme.cli.bench"),
        ("plan", "Find the cheapest instances for a latency and traffic.", "mme.cli.plan"),
        ("advise", "Decide how to host models, with the limit that decides.", "mme.cli.advise"),
        ("endpoint", "Inspect, repair and clean up a deployed endpoint.", "mme.cli.endpoint"),
    )

    def invoke(self, ctx: Any) -> None:
        """Run a command; the hint of its error repeats the flags that were given to it.

        What the command returns is dropped: it is no exit status.
        """
        try:
            super().invoke(ctx)
        except ModuleNotFoundError as error:
            name = str(ctx.invoked_subcommand)
            command = self.get_command(ctx, name)
            needed = command.requirement if isinstance(command, PluginCommand) else f"{DISTRIBUTION}[cli]"
            raise missing_package(error, f"mme {name}", needed) from error
        except Exception as error:
            explained = None if _is_closed_pipe(error) else _explain(error)
            if explained is None:
                raise
            target = ctx.find_object(Target)
            if target is not None and explained.hint:
                explained.hint = target.in_full(explained.hint)
            raise explained from error.__cause__ if explained is error else error


app = typer.Typer(
    cls=_Nouns,
    no_args_is_help=True,
    # A traceback is for our own bugs, and then it is whole and plain.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        from mme.console import print_line

        print_line(f"mme {version(DISTRIBUTION)}")
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
        str | None, typer.Option("--endpoint-url", help="Override the AWS endpoint URL. [MME_ENDPOINT_URL]")
    ] = None,
    endpoint_name: Annotated[
        str | None,
        typer.Option("--endpoint-name", help="Endpoint without a stack of mme. [MME_ENDPOINT_NAME]"),
    ] = None,
    bucket: Annotated[
        str | None, typer.Option("--bucket", help="Its models' bucket. [MME_BUCKET; as deployed]")
    ] = None,
    prefix: Annotated[
        str | None, typer.Option("--prefix", help="Their key prefix. [MME_PREFIX; as deployed]")
    ] = None,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Publish and call the models of a SageMaker multi-model endpoint, in AWS or on this machine.

    Example: mme --env dev models add model_registry/add_sub
    """
    context.obj = Target(
        env=env,
        stack=stack,
        profile=profile,
        region=region,
        endpoint_url=endpoint_url,
        endpoint_name=endpoint_name,
        bucket=bucket,
        prefix=prefix,
    )


def main() -> None:
    """Run the command line: an error that a user can fix is one line and exit status 2, never a traceback.

    If the reader of its output ends, such as `head`, it ends without a message.
    """
    try:
        _run()
    except (SystemExit, BrokenPipeError) as ended:
        # click and rich exit with status 1 then.
        if not _is_closed_pipe(ended) and not _is_closed_pipe(ended.__context__):
            raise
        _discard_output()
        sys.exit(CLOSED_PIPE)


def _run() -> None:
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal's encoding may lack characters of a name.
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            status = app(standalone_mode=False)
            if status == INTERRUPTED:  # typer catches interrupts
                raise KeyboardInterrupt
        finally:
            # Flush here, not at the interpreter's end: a full disk is an error to report.
            sys.stdout.flush()
        sys.exit(status if isinstance(status, int) else 0)
    except (KeyboardInterrupt, ModuleNotFoundError, BrokenPipeError):
        raise  # the callers report them
    except Exception as error:
        from mme.console import print_error, print_traceback, standard_error

        if type(error).__name__ == "NoArgsIsHelpError":
            sys.exit(2)  # click has printed the help
        if type(error).__name__ == "Abort":
            standard_error().print("aborted")
            sys.exit(1)
        if _is_output_error(error):
            _discard_output()
            reason = (error.strerror or str(error)).lower()
            explained: MmeError | None = MmeError(
                f"the output can't be written: {reason}", hint="write it to another place"
            )
        else:
            explained = _usage_error(error) or _explain(error)
        if explained is None:
            print_traceback(error)
            sys.exit(1)
        print_error(explained)
        sys.exit(explained.exit_status)


def _is_output_error(error: BaseException) -> TypeGuard[OSError]:
    """Return whether standard output can't be written, such as on a full disk."""
    if not isinstance(error, OSError) or error.filename is not None:
        return False
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _is_closed_pipe(error: BaseException | None) -> bool:
    """Return whether the reader of standard output has ended."""
    return isinstance(error, BrokenPipeError)


def _discard_output() -> None:
    """Keep the interpreter from writing the rest at its end, and failing once more."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain(error: Exception) -> MmeError | None:
    """Return the error of the toolkit, AWS or the operating system that a user can act on; None for a bug."""
    if isinstance(error, MmeError):
        return error
    # If botocore was never loaded, the error can't be one of its own.
    if "botocore" in sys.modules:
        from mme.operate.aws_errors import explain_aws_error

        if explained := explain_aws_error(error):
            return explained
    return _explain_system_error(error)


def _usage_error(error: Any) -> MmeError | None:
    """Explain an error of click, which some versions of typer bundle; None if it is another error."""
    if not hasattr(error, "format_message"):
        return None
    message = str(error.format_message()).rstrip(".")
    path = getattr(getattr(error, "ctx", None), "command_path", "mme")
    option = getattr(error, "option_name", None)
    root = typer.main.get_command(app)
    if path != "mme" and option in {name for one in root.params for name in one.opts}:
        return MmeError(
            f"{option} is an option of mme, not of {path}", hint=f"give it first: mme {option} ... {path[4:]}"
        )
    what, colon, reason = message.partition(": ")
    if what.startswith("Invalid value for "):
        reason = plain_reason(reason)
    return MmeError(f"{what[:1].lower()}{what[1:]}{colon}{reason}", hint=f"see: {path} --help")


def _explain_system_error(error: Exception) -> MmeError | None:
    if isinstance(error, OSError):
        subject = f"{error.filename!r}: " if error.filename is not None else ""
        return MmeError(
            f"{subject}{(error.strerror or str(error)).lower()}", hint=_SYSTEM_HINTS.get(error.errno)
        )
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return MmeError("the home directory is unknown: this user has none", hint="set HOME to a folder")
    if isinstance(error, UnicodeEncodeError):
        return MmeError(
            f"{error.object!r} can't be encoded in {error.encoding}", hint="use UTF-8 in names and paths"
        )
    return None


def _show_warning(message: Warning | str, category: type[Warning], *_: object) -> None:
    """Print a warning in the style of the rest, without the source line that raised it."""
    if issubclass(category, UserWarning):
        from mme.console import print_note

        print_note("warning:", " ".join(str(message).split()))


if __name__ == "__main__":
    main()
