"""Loaded by the fork server alone: what every forked process would else do first."""

from tests.faults.crashing import session

session()
