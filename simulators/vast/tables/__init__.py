"""Tables, their rows, and the transactions that change them."""
