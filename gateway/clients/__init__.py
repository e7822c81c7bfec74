"""How the gateway reaches the services: channels, coalescing of concurrent calls, cached facts."""
