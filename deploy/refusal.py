"""The error that stops a command before it changes anything."""


class Refusal(Exception):
    """Its message says what is wrong, and what to do."""
