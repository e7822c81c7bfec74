"""Objects, and the storage backends where they are kept."""
