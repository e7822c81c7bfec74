"""What storage is: backends, objects in them, paths, signed URLs."""
