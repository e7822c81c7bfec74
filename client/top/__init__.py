"""Reads the metrics of the processes of a store, and sums them up as rates, latencies and levels."""
