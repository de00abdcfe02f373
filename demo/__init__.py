"""The whole story over HTTP: two users, a classifier and a detector, measured on images that were never uploaded."""
