"""Finds rows that contradict each other, and rewrites them from the rows that they follow from.

A check reads the rows of one flow, source, object and so on, and returns its findings. The function that
mends these rows runs in a transaction, like a change of a client. Columns, tags and collections follow from
documents, statistics from segments, and `collected_by` and `source_collection` from collections.
"""
