"""Commands that look at the processes of a store."""
