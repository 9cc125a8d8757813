"""
Implement ``atomic`` on Appwrite.

The client keeps the log of a block until the block ends. The log is then staged and committed on
the server at once (``commit``). Until then, reads see the committed rows with the log applied
(``log``, ``Transaction.over``). A savepoint is therefore a mark in a list, a rollback costs
nothing, and a block costs the same few requests however much it writes. Tested in
``tests/backend/test_transaction_log.py`` and ``tests/backend/test_transactions.py``.
"""
