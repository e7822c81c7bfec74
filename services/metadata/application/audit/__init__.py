"""The audit log: recording in the transactions of changes, reading, retention."""
