"""Generation and editing by a model behind an images endpoint, for those without a graphics card."""
