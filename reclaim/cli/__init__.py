"""The command line: one small module a command, each importing what it uses when it runs."""
