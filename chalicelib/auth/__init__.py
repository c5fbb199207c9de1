"""Who a caller is: tokens of an OpenID Connect issuer."""
