"""OAuth 2.0 at an OIDC server: discovery, client credentials, device authorization, refresh, revocation."""
