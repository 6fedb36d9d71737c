"""Pure array functions: colour, alignment, geometry."""
