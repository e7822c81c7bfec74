"""The engine for many machines: VAST Database tables."""
