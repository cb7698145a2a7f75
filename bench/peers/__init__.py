"""The programs people use today, each sending the benchmark's letters as its users would run it.

All are started as `PROGRAM PORT FOLDER`: FOLDER holds list.csv, the templates body.txt and
body.html for those that know Jinja2, and the letter with plain [placeholders] for the others.
"""
