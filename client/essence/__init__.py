"""Media files and objects: what is in them, how they are cut and how they are put together again.

Streams are copied, never encoded again. Nothing here knows of a store.
"""
