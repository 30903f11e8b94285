"""The `mme local` commands, joined to `mme` by the entry point group `mme.commands`."""
