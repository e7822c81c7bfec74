"""Handlers of HLS playlists, an extension."""
