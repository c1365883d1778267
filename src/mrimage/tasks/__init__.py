"""What every engine runs: all meaning is here, an engine only delivers."""
