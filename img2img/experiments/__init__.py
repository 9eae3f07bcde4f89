"""Tables of arms that are compared: a plan of who is trained for how long, carried out by `train` and `evaluate`."""
