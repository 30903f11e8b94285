"""The fixtures of the commands' tests."""

from tests.cli.conftest import mme

__all__ = ["mme"]
