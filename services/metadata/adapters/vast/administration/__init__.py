"""Administration of the tables in a VAST schema."""
