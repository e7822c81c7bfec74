"""Owns storage backends, allocation of objects, signed URLs, and learning how large stored objects are."""
