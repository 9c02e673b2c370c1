"""Language models that run in this process: loading, chat templates, tokens.

load.py         a checkpoint of a folder or hub id: model, tokenizer, processor
processor.py    the picture processor of Qwen3-VL models, with or without torchvision
contract.py     what a model that was trained here must read at run time
roles.py        messages that a chat template can render, without control tokens in texts
tokens.py       conversations as the tokens and pictures that a model reads
conversations.py   whole conversations, each turn in the tokens that were generated
key_values.py   what was computed for earlier turns, within a limit of memory
roomy_cache.py  a cache of keys and values that grows in place
generate.py     turns for several conversations at once
stopping.py     when a turn is whole
grammar.py      the grammar of a turn, from the tool definitions and the pictures that exist
constraint.py   holding a model to it
scratch.py      models from scratch with random weights
"""
