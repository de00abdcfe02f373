"""What is measured, each part by itself."""
