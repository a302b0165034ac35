"""The benchmark against the peers: see ../README.md."""
