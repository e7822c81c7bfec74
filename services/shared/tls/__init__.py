"""Certificates of a process: read from files, checked, and read again when they are renewed."""
