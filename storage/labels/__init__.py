"""Label keys, recipes and versions: which labels of a video count."""
