"""`python -m pipeline` is `darkcall`."""


def run() -> None:
    """Read the command line and do what it says."""
    # spawned workers import this module too, and need no commands
    from pipeline.cli import main  # noqa: PLC0415

    main()


if __name__ == "__main__":
    run()
