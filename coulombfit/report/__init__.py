"""The posterior report."""

from coulombfit.report.part import Part, part_of_data, part_of_scaling
from coulombfit.report.write import write_page, write_report

__all__ = ["Part", "part_of_data", "part_of_scaling", "write_page", "write_report"]
