"""Alerts: rules about judged rows, incidents that they open and close, and whoever is told of them."""
