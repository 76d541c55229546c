"""Finding out what hangs on a port: listening first, guesses with their proofs, nothing written unasked."""
