"""`python -m spanwise` is the command line."""

from .cli import run

run()
