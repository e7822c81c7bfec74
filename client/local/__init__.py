"""A whole store on one machine: object storage and every service as children of one process.

The children are reached through their environment, their output and their sockets alone.
"""
