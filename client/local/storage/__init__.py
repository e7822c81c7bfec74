"""Local object storage: its process, credentials and files."""
