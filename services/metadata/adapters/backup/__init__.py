"""The folder of a backup and its manifest, which are the same for all engines."""
