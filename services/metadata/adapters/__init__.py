"""How the ports are met, one folder an engine."""
