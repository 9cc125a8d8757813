"""
A hammer against stale reads: processes that read, write, and are killed, while the cache is flushed
and restarted.

``python -m benchmarks.hammer`` prints how many reads there were and how many saw less than they had
to, as JSON. What is hammered is a *store* (``benchmarks.hammer.stores``): ``orm`` is the whole
library with ``manage.py appwrite_server`` as the truth, ``driver`` its cache alone, with a small
server of its own.
"""
