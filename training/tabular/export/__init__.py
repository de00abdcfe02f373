"""How fitted models and preprocessing become a graph of standard operators, in double precision throughout."""
