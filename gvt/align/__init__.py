"""Alignment: the connector is trained, tokenizer and language model stay frozen."""
