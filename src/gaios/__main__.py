"""`python -m gaios` is the command `gaios`, of this interpreter."""

from gaios.cli import main

if __name__ == "__main__":
    main()
