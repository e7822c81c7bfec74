"""What every service and the gateway stand on: errors, settings, logs, time, paging, gRPC plumbing."""
