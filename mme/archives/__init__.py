"""Read, check, describe and pack a model.tar.gz, with one module per framework.

Import from the modules: `mme.archives.explain`, `mme.archives.check`, `mme.archives.packing`.
"""
