"""Which one stays: grades, groups and keepers, of shared words alone."""
