"""HTTP: parse, call, render. The only part of `chalicelib` that knows statuses and headers."""
