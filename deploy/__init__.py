"""From the code to a running stack: package, deploy, destroy. Never deployed itself."""
