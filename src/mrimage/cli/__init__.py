"""The command line: arguments, options, commands."""
