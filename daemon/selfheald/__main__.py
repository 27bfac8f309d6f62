"""``python -m selfheald``."""

from selfheald.cli.main import main

if __name__ == "__main__":
    main()
