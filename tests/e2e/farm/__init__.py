"""A site of several processes over one Appwrite and one Redis, and other clients that write past it."""
