"""
Commands: what the compiler hands to the cursor instead of SQL text.

Plain frozen data. Text is made from a command only for people (query log, debug toolbar, ``explain``) and never read back. ``base`` has what
every command is, ``reads``, ``local`` and ``writes`` have the commands (those of single features lie beside what makes them:
``server_queries``, ``summaries``), ``conditions`` and ``outputs`` what they are made of. Nothing is imported here: a process that only
reads has no use for ``writes``.
"""
