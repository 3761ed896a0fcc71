"""Speed: this engine beside a bare loop, a hand-written one, and another simulator."""
