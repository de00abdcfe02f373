"""MongoDB metadata and GridFS files: the truth and its rules, one module a collection."""
