"""The bridge: Pub/Sub messages become stored batches, and labels become messages."""
