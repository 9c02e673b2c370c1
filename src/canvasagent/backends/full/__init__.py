"""The paper's own tools: trained models behind generation, editing, detection, segmentation and enlargement.

Each loads its weights when it is first used, from a hub id fetched before, a folder or a single file, and looks
at what it loads. What is missing is told with how to get it. `_loading.py` has what they share.
"""
