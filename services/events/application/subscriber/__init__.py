"""The deliveries to one subscriber."""
