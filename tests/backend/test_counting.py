"""Counting past the server's cap, against a server of that many rows."""

import pytest

from appwrite_orm_django.backend.execution.reader import TOTAL_CAP, count


class Server:
    """Holds rows with the sequences 3, 5, 7, ... and counts the questions."""

    def __init__(self, size):
        self.size = size
        self.questions = 0

    def ask(self, after, offset):
        self.questions += 1
        passed = 0 if after is None else (int(after) - 1) // 2
        position = passed + offset
        sequence = str(2 * position + 3) if position < self.size else None
        return min(self.size - passed, TOTAL_CAP), sequence


@pytest.mark.parametrize(
    ("size", "questions"),
    [
        (0, 1),
        (1, 1),
        (4_999, 1),
        (5_000, 1),
        (5_001, 2),
        (5_002, 2),
        (7_923, 2),
        (10_000, 2),
        (10_001, 3),
        (10_002, 4),
        (20_000, 3),
    ],
)
def test_the_count_is_exact_with_few_questions(size, questions):
    server = Server(size)
    assert count(server.ask) == size
    assert server.questions == questions


@pytest.mark.parametrize("size", [99_999, 100_000, 1_000_003, 50_000_000])
def test_questions_grow_with_the_logarithm(size):
    server = Server(size)
    assert count(server.ask) == size
    assert server.questions < 2 * (size // TOTAL_CAP).bit_length() + 2


@pytest.mark.parametrize("size", range(14_900, 15_200))
def test_no_size_near_a_stride_is_off_by_one(size):
    assert count(Server(size).ask) == size
