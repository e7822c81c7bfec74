"""The tables of the service's own work: events, webhooks, deletions, loads, storage backends, its name."""
