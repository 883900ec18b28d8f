"""`python -m cnai.sandbox.provider [ENGINE_ADDRESS]`: how the shim on PATH starts the plugin."""

import sys

from cnai.plugin.process import serve
from cnai.sandbox.provider.server import Servicer

if __name__ == "__main__":
    serve(Servicer, sys.argv[1:])
