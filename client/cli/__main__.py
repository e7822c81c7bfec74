"""`python -m client.cli` is `tams`."""

from client.cli import main

main()
