"""What ``models``, ``fields`` and ``managers`` are made of."""
