"""Two pictures: what they have to do with each other, and what would be lost with either."""
