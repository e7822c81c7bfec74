"""Object storage that speaks S3, with boto3."""
