"""Limits of requests: rates for each caller and address, failed attempts, requests in progress."""
