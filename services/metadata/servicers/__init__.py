"""The gRPC edge: translate, delegate, translate back."""
