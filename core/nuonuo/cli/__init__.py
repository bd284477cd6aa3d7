"""The command line, `nuonuo ...`: what the terminal shows; the work is done elsewhere."""

from nuonuo.cli.commands import main

__all__ = ["main"]
