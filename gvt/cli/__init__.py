"""The command line; a file for each command, which imports what is heavy when it runs."""

from gvt.cli.main import main

__all__ = ["main"]
