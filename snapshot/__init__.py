"""Snapshots: what a canister was, kept to be loaded, compared and looked into."""
