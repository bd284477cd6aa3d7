"""Data sets: as their authors publish them, brought into one form."""
