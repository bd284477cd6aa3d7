"""The pages' tables of figures: the reports of `nuonuo bench` in, Markdown out."""

from nuonuo.evaluation.tables.pages import BEGIN, END, PARTS, render
from nuonuo.evaluation.tables.reports import Report, read_reports

__all__ = ["BEGIN", "END", "PARTS", "Report", "read_reports", "render"]
