"""What the media service does."""
