"""Find out what is wrong with a deployment. Each finding has a hint: the next command or change."""

from mme.operate.doctor.context import DoctorContext
from mme.operate.doctor.examination import ExaminationListener, examine

__all__ = ["DoctorContext", "ExaminationListener", "examine"]
