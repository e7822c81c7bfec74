"""A day of live recording in half an hour: what grows in a store that works without a pause."""
