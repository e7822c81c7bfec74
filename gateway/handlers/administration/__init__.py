"""Handlers of administration and bulk loads, and the gate that decides who may call them."""
