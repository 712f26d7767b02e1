"""What a run costs and how much energy it takes."""

from sim.outcome.economics.bill import RunBill, joint_bill, run_bill
from sim.outcome.economics.terms import Terms, terms_of

__all__ = ["RunBill", "Terms", "joint_bill", "run_bill", "terms_of"]
