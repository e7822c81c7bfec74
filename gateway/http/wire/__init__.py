"""HTTP on the wire: sockets, framing, bodies."""
