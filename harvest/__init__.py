"""Video to tracklets: sources, policy, download, decode, shots, people, pose, tracks, filters, features."""
