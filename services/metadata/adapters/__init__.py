"""The table engines that implement the ports, each in a folder of its own."""
