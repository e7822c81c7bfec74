"""Child processes: starts, watches and stops them."""
