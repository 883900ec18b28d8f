"""`pulumi-language-python [FLAGS] ENGINE_ADDRESS`: how the shim on PATH starts the host."""

import sys

from cnai.engine.language.spare import Spare


def main() -> None:
    spare = Spare()
    # Imported only now: the program's Python loads the SDK in the meantime.
    from cnai.engine.language.host import serve

    serve(next((argument for argument in sys.argv[1:] if not argument.startswith("-")), ""), spare)


if __name__ == "__main__":
    main()
