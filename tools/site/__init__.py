"""The documentation site: pages generated from the code, and the hooks that give them to MkDocs."""
