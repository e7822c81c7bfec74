"""Transactions: their requests, retries, and their life from the begin to a known end."""
