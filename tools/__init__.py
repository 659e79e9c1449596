"""What ./dev runs for those who work on hubbub; no part of the package."""
