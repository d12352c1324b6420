"""How a simulated user proves who it is to a server that is reached over the network."""
