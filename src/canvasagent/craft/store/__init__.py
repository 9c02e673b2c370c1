"""The native layout of a dataset: a folder that is written in order, resumed exactly, and read lazily.

    dataset.json                       kind, format version, settings, counts, the shards with their checksums
    README.md                          the data card; its head tells `datasets.load_dataset` where things are
    records/{split}-00000.parquet      records, one shard a split for each run of `shard_items` items
    pictures/00000-00.parquet          PNG bytes keyed by the hash of the decoded pixels, each kept once
    rejected/00000.parquet             rejected items, with the reason; their own pictures in rejected/pictures/

What `dataset.json` does not list is not part of the dataset: it is the one file whose replacement commits a shard.
"""

from canvasagent.craft.store.layout import Rejection
from canvasagent.craft.store.reader import Dataset

__all__ = ["Dataset", "Rejection"]
