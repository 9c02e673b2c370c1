"""Clients of models behind an address: chat and images endpoints, their retries and failures."""
