"""Where the options of a command come from: the command line, the environment, a file, in this order.

`settings` reads a command's signature, `file` the file, `environment` knows the variables. Nothing here knows what an option means.
"""
