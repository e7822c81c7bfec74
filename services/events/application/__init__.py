"""The rules of delivery: order, retries, giving up."""
