"""`mme models`: publish, list, promote and delete models."""

from __future__ import annotations

import typer

from mme.cli import models_delete, models_new, models_promote, models_publish, models_read, models_try

app = typer.Typer(
    name="models",
    help="Publish, list, promote and delete models.",
    no_args_is_help=True,
)

# In the order of a model's life.
app.command("new")(models_new.new)
app.command("pack")(models_publish.pack)
app.command("try")(models_try.try_model)
app.command("add")(models_publish.add)
app.command("list")(models_read.list_models)
app.command("show")(models_read.show)
app.command("diff")(models_read.diff)
app.command("verify")(models_read.verify)
app.command("promote")(models_promote.promote)
app.command("rollback")(models_promote.rollback)
app.command("aliases")(models_promote.aliases)
app.command("promote-to")(models_promote.promote_to)
app.command("remove")(models_delete.remove)
app.command("prune")(models_delete.prune)
app.command("unalias")(models_delete.unalias)
