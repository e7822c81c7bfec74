"""What the service does: the rules of TAMS 7.0 over the tables that `ports` describes."""
