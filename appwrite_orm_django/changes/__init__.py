"""Changes that other clients make: they arrive by webhook or realtime, invalidate the cache and are sent to handlers."""
