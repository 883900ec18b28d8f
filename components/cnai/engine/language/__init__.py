"""The language host: runs Python programs and policy packs for the engine, with the Python that runs this."""
