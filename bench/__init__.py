"""Benchmarks: each figure beside a floor that the same run provides, so that the machine cancels out."""
