"""Opens the tables: creates, completes and checks them."""
