"""Django models whose rows live in Appwrite, with automatic query caching."""

__version__ = "0.1.0.dev0"
