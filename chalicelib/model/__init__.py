"""What everything is made of: entries, errors, time, and the keys of users."""
