"""What a published model is measured against, each a program of its own."""
