"""`python -m client.cli` is `tams`."""

from client.cli.main import main

main()
