"""What sources, flows, segments and objects are. Pure: no transport, no engine."""
