"""What is delivered, to whom."""
