"""Administration of the tables in a database file."""
