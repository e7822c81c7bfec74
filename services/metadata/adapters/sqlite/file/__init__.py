"""The database file: opening, ownership, damage, full disks."""
