"""A client of VAST Database on top of its SDK: endpoints, transactions, filters, tables, time limits."""
