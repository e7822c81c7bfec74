"""Media files and objects: their streams, how they are cut into segments, and how segments are joined.

Streams are copied, never encoded again. Nothing here knows of a store.
"""
