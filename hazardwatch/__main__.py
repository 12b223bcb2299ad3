"""`python -m hazardwatch` is the command `hazardwatch`."""

from hazardwatch.cli import main

if __name__ == "__main__":
    main()
