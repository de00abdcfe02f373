"""The invariants of the store: each one function whose name says it, and a registry of them."""
