"""Authentication: turns the credentials of a request into a principal. For the gateway and every service."""
