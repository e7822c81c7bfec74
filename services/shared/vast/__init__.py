"""VAST Database through its SDK: endpoints, transactions, filters, tables."""
