"""`python -m authority_cli` is `authority`."""

from .main import main

if __name__ == "__main__":
    main()
