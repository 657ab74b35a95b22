"""``python -m annotator`` is the command line."""

import os
import signal

_INTERRUPTED = 130


def main() -> None:
    """Run the command line; ctrl-C while it still loads ends it at once, since nothing has begun."""
    interrupts = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interrupts:
        signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    from annotator.cli.main import run  # noqa: PLC0415 - loaded under that handler

    if interrupts:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
