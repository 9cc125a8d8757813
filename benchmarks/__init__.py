"""Programs that print figures. Each can be run alone (``python -m benchmarks.cache_hit``); ``python -m benchmarks`` runs them all."""
