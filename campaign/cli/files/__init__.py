"""Files that the commands write: results, rows to mend, a new campaign."""
