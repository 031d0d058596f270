"""Classifying waste by photo: tasks, categories, rewards."""
