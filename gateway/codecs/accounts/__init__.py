"""Users and API keys: JSON to protobuf and back."""
