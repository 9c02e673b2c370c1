"""Language models that run in this process: loading, chat templates, tokens.

load.py         a checkpoint of a folder or hub id: model, tokenizer, processor
processor.py    the picture processor of Qwen3-VL models, with or without torchvision
tokens.py       conversations as the tokens and pictures that a model reads
"""
