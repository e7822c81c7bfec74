"""How the ports are met: S3 by boto3, the object registry by gRPC, the storage configuration from a file."""
