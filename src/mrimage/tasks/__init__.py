"""What every engine runs. All meaning is here; an engine only delivers tasks."""
