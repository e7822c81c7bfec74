"""JSON of the service document, storage backends and deliveries."""
