"""What ``rejection_ratio.py`` is made of. Nothing here is part of the package."""
