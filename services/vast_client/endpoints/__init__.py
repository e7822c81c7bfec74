"""The endpoints of a cluster: their health, and the choice among them."""
