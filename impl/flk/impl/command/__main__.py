"""`python -m flk.impl.command` is `flk`."""

from flk.impl.command import main

if __name__ == "__main__":
    main()
