"""Lists that are .xlsx workbooks: the package, the sheet, and a cell as Excel shows it."""
