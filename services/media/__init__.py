"""The media service: storage backends, allocation of objects, signed URLs, sizes and deletion of bytes."""
