"""What a plugin provides: policies, reverse-mapping strategies, trace readers, and their params."""
