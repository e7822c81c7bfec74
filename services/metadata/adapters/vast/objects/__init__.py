"""Objects: their rows, and the counts of their segments."""
