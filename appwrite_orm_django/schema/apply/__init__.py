"""
Carry out a plan.

Every step may be carried out twice: what is there already, from an earlier run that was stopped or from another one at the same time, is
taken for done and looked at again by the plan that follows. Columns and indexes are made in parallel, and each phase ends when everything
it made is ``available``.
"""

from .application import Application
from .outcome import Outcome
from .work import Progress

__all__ = ["Application", "Outcome", "Progress"]
