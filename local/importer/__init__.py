"""Import of images that somebody already has: a file's lines become images of one user.

`rows` reads a file, `progress` remembers how far it got, `server` speaks HTTP, `saving` puts the
three together so that no line is saved twice or skipped, and `command` is the command line.
"""

from local.importer.command import main

__all__ = ["main"]
