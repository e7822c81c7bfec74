"""Implementations of the ports, S3 storage and the object registry; reads the storage configuration."""
