"""`python -m cnai.sandbox.provider [ENGINE_ADDRESS]`: how the shim on PATH starts the plugin."""

import sys

from cnai.sandbox.provider.process import serve

if __name__ == "__main__":
    serve(next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None))
