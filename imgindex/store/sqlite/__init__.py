"""What only SQLite knows: how its connections are made, which journal a disk allows, its own checks and repairs."""
