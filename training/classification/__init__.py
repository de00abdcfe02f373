"""Image classification: a small network fitted to a project's images, from scratch or from pretrained weights."""
