"""The algorithms for tables, one module each, behind one protocol and a registry."""
