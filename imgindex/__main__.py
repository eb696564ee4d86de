"""`python -m imgindex` is the `imgindex` command."""

from imgindex.cli import main

main()
