"""``python -m annotator`` is the command line."""

from annotator.cli.main import run

if __name__ == "__main__":
    run()
