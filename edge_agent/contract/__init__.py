"""The contract with the centre as models (docs/central-integration.md). Its pages load pydantic."""
