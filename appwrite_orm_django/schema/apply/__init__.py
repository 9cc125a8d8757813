"""
Carry out a plan.

Every step can be repeated. Objects that already exist, from a stopped or a concurrent run, count as
done, and the next plan compares them again. Columns and indexes are created in parallel. A phase
ends when everything that it has created is ``available``.
"""

from .application import Application
from .outcome import Outcome
from .work import Progress

__all__ = ["Application", "Outcome", "Progress"]
