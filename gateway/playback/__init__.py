"""HLS playlists (RFC 8216) from flows and segments: pure functions, without input and output."""
