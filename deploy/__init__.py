"""Packages, deploys and deletes stacks. Never deployed itself."""
