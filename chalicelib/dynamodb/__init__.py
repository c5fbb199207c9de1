"""How DynamoDB is called: the six calls, over HTTP, signed. See README.md beside this file."""
