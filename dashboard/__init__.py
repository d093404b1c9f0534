"""The one page-maker: every page that the project writes or serves, made from a lake and nothing else."""
