"""System checks. ``apps`` registers them by name, so only commands that run checks import them."""
