"""The lmms-eval side: entry point, model, judge provider and task class."""
