"""What the tables hold: their columns, and the rows that a ledger gives. Pure functions."""
