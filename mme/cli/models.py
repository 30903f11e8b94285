"""`mme models`: publish, look at, retire and promote models."""

from __future__ import annotations

import typer

from mme.cli import models_look, models_promote, models_publish, models_retire

app = typer.Typer(
    name="models",
    help="Publish models, look at them, promote and retire them.",
    no_args_is_help=True,
)

# In the order of a model's life.
app.command("new")(models_publish.new)
app.command("pack")(models_publish.pack)
app.command("add")(models_publish.add)
app.command("list")(models_look.list_models)
app.command("show")(models_look.show)
app.command("diff")(models_look.diff)
app.command("verify")(models_look.verify)
app.command("promote")(models_promote.promote)
app.command("rollback")(models_promote.rollback)
app.command("aliases")(models_promote.aliases)
app.command("promote-to")(models_promote.promote_to)
app.command("remove")(models_retire.remove)
app.command("prune")(models_retire.prune)
app.command("unalias")(models_retire.unalias)
