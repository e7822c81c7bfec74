"""Media objects: packets into transport streams, and back onto the timeline of their flow."""
