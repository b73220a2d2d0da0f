"""Long runs with bytes from strangers: `hatch run dev:fuzz`."""
