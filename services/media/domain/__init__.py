"""Storage backends, objects, storage paths and signed URLs."""
