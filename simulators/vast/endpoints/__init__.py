"""The addresses of a cluster, with their faults and counters."""
