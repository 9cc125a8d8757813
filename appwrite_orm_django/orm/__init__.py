"""The parts that ``models``, ``fields`` and ``managers`` are made of."""
