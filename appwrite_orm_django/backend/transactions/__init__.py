"""
Transactions: ``atomic`` on Appwrite.

The log of a block is kept here, on the client, until its end; then it is staged and committed on the server in one go (``commit``).
Reads in between see the log over the committed rows (``log``, ``overlay``). So a savepoint is a mark in a list, a rollback costs
nothing, and a block costs the same few requests however much it writes. Tested in ``tests/unit/test_transaction_log.py`` and
``tests/backend/test_transactions.py``.
"""
