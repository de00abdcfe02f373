"""From an uploaded archive to images in a project: read, checked, placed in batches, reported."""
