"""Administration of the tables themselves: overview, columns, projections, checks, repairs, reset."""
