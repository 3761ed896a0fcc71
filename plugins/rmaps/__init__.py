"""Reverse-mapping strategies: who maps this frame. One file each."""
