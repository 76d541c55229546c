"""The subcommands of edge-sim, one page for each; every page has `add_arguments` and `run`."""
