"""`python -m imgindex` is the `imgindex` command."""

from imgindex.ui.cli import main

main()
