"""Tables: what a data file of rows and columns is, how its cells are read, and what a trainer gets of it."""
