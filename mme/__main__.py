"""`python -m mme`: the same as `mme`."""

from mme.cli import run

if __name__ == "__main__":
    run()
