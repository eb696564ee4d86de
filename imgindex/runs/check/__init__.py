"""check: hold a store to its invariants, by number, and mend what can be rebuilt."""
