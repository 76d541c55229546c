"""The shipped drivers, one page for each protocol. Of the agent they import edge_agent.sdk alone."""
