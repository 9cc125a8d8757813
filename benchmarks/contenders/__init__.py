"""
Packages to be timed, one per module and each in a process of its own.

A contender is a module with ``prepare(redis_url)``, which sets Django up and returns
``calls(rows)``: named ways (callables without arguments) to get that many instances of the same
6-field model from a warm cache.
"""
