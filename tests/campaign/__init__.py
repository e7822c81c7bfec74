"""Random histories of all operations against a running store, with faults, compared with a model."""
