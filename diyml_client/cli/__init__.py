"""The `diyml` command: one file a noun, thin over the client."""
