"""The functions that carry out requests, by the subject of the requests."""
