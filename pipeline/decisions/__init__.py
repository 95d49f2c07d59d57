"""What people decided, and who may decide: an append-only journal and accounts, in one database."""
