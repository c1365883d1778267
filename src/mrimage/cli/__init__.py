"""The command line: arguments and commands."""
