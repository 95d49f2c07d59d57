"""`python -m pipeline` is `darkcall`."""

from pipeline.cli import main

main()
