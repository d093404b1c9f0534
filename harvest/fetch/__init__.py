"""From an address to a file on the disk: policy, pace, download, guard of the network."""
