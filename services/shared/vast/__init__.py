"""VAST Database through its SDK: endpoints, transactions, filters, tables. Shared by metadata and analytics."""
