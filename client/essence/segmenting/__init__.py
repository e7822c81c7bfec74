"""Cuts streams of packets into the pieces that become segments."""
