"""Receive other clients' writes by webhook or realtime, invalidate the cache and call handlers."""
