"""Image Storage: one log of images per user, and a read copy that is that user's alone."""

VERSION = "0.1.0"
"""Of the package, the API and the gallery (Semantic Versioning 2.0.0)."""
