"""What the records of a store say: cells over their seeds, and one store beside another."""
