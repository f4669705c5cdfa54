"""The posterior report."""

from coulombfit.report.page import write_page, write_report
from coulombfit.report.part import Part, part_of_data, part_of_scaling

__all__ = ["Part", "part_of_data", "part_of_scaling", "write_page", "write_report"]
