"""What is kept in the tables, and how it is read and written."""
