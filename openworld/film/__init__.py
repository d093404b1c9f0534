"""Films on the disk, with their truth beside them."""
