"""Reads HTTP requests, calls the product, renders answers. No other folder knows statuses and
headers."""
