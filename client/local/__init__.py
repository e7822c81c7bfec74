"""A whole store on one machine: object storage and all services as child processes of one runner.

The runner uses only the environment, the output and the sockets of its children.
"""
