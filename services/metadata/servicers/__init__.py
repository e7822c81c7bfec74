"""The gRPC interface: servicers translate requests, call the application, and translate the results."""
