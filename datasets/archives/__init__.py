"""Archives that strangers made, read without trust: what is in them, and each file's content within bounds."""
