"""The human study (Table 6): blinded pages, the import of ratings, the report.

design.py     which results are rated, by whom, in which order; attention checks
package.py    one self-contained page a rater, which writes a CSV
ratings.py    reading, checking and merging what raters sent back
report.py     means, agreement, and how far a judge may be trusted
"""
