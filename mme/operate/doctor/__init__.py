"""Finding out what is wrong with a deployment: each finding comes with the next command."""

from mme.operate.doctor.examination import ExaminationListener, examine
from mme.operate.doctor.finding import Finding, Severity

__all__ = ["ExaminationListener", "Finding", "Severity", "examine"]
