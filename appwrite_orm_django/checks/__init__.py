"""System checks; ``apps`` registers them by name, so that only commands that run checks import them."""
