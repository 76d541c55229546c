"""The print queue: jobs of the counter, the centre and the technician, one at a time for each printer."""
