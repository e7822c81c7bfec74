"""Codecs: their names, bit streams and parameters."""
