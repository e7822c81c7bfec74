"""The rules of TAMS 7.0, as functions over the tables that `ports` describes."""
