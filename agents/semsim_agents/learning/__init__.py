"""How agents come about: worlds, RLlib's algorithms, imitation, searches."""
