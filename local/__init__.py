"""What runs on a developer's own machine only: `python -m local <command>`. Never deployed."""
