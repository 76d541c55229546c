"""What a driver author may import. Standard library only; see docs/how-to/add-a-driver.md."""
