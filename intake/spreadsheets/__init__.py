"""Spreadsheets: which sheet of a workbook is read, and its cells as the text that they show."""
