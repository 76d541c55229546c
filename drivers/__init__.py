"""The shipped drivers, one page for each protocol. They import edge_agent.sdk and nothing else of the agent."""
