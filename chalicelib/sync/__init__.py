"""What keeps each partition up to date with the primary."""
