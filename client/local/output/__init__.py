"""The output of a local store: to its terminal, and to bounded files."""
