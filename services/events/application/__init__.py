"""How it is delivered: order, retries, giving up."""
