"""Experiments: a training as a document of text, from its first letter to the queued job."""
