"""The paper's own tools: trained models behind generation, editing, detection, segmentation and enlargement.

Each loads its weights on first use, from a downloaded hub id, a folder or a single file, and validates them. An error
about missing weights or packages says how to get them. `_loading.py` has what the backends share.
"""
