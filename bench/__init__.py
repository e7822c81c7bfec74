"""Benchmarks. Each figure is compared with a floor measured in the same run, on the same machine."""
