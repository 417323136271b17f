"""`python -m supernas`."""

from supernas.cli.start import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
