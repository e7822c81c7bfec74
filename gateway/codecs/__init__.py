"""TAMS JSON and query parameters <-> protobuf, nowhere else."""
