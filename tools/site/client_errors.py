"""Page of the reference for the errors of `mme.client`: when each is raised, and whether to retry."""

from __future__ import annotations

import inspect

from mme.client import errors
from mme.errors import MmeError
from tools.markdown import cell


def client_errors_page() -> str:
    """Return the page.

    Raises:
        MmeError: The docstring of an error has no line `Retry: ...`.
    """
    parts = [
        "# Client errors",
        "`MultiModelClient` raises these. `InvocationError` catches all of them. Each has a `message`, a "
        "`cause` and a `hint`. The client retries while a model loads, boto3 retries throttled and failed "
        "calls: *Retry* is what is left to you. [Calling models from Python](../client.md#errors) shows how.",
    ]
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and kind.__module__ == errors.__name__:
            summary, _, rest = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")
            retry = rest.partition("Retry: ")[2].partition("\n\n")[0]
            if not retry:
                raise MmeError(f"{name} has no line about retries", hint="add 'Retry: ...' to its docstring")
            base = kind.__mro__[1]
            kind_of = f" A `{base.__name__}`." if base.__mro__[1] is errors.InvocationError else ""
            parts += [f"## {name}", f"{cell(summary)}{kind_of} [Attributes](mme.client/{name}.md)"]
            parts += [f"Retry: {cell(retry)}"]
    return "\n\n".join(parts) + "\n"
