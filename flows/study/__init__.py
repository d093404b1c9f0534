"""One data-scale study: which films, which labels, which cells, and what each cell trains and scores."""
