"""Run every benchmark with its defaults."""

from benchmarks import cache_hit

if __name__ == "__main__":
    cache_hit.main([])
