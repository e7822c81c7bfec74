"""A comparison of millions of objects by `tams doctor --objects`: its time, its memory, its file."""
