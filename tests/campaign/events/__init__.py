"""The events that subscribers must get, and those that they got."""
