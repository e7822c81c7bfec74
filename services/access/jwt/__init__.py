"""JSON Web Tokens (RFC 7519): signatures, keys of the issuer, claims."""
