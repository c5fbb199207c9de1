"""Image Storage: one log of images per user, and a read copy that is that user's alone."""
