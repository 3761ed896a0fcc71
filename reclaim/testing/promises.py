"""What a plugin promises, each by a name and in a sentence; the checks look for the opposite."""

from __future__ import annotations

POLICY = {
    "owned_victims": "every victim is a resident, unlocked frame that is the policy's to name",
    "distinct_victims": "no frame is named twice at once, and no more than were asked for",
    "frames_conserved": "the machine's counts of frames, pages, PTEs and slots stay true",
    "own_lists": "the policy's lists hold the frames that it has, each once, and no others",
    "offers_all": "asked often enough, every frame that the policy has is named",
    "survives": "fork, exit, munmap, mremap and mlock, in any order and under every pressure, end "
    "in no exception, no endless loop and no out of memory that could be helped",
    "writes_only_its_own": "no kernel writes a column of the machine but the policy's own",
    "smallest_and_largest": "with one frame each change of page is a miss, with a frame for each "
    "page only the first use is",
    "deterministic": "the same seed takes the same decisions twice",
    "never_beats_belady": "no fewer misses than Belady's MIN, which knows the future",
    "lanes_agree": "compiled, bounds-checked and plain Python leave the same machine behind",
    "bounded": "a million accesses take no memory that the first tenth did not take",
}
STRATEGY = {
    "walks_find_all": "after each event a walk finds the PTEs that map a frame, and no others",
    "own_structures": "its own `check` finds nothing wrong after any event",
    "frames_conserved": "the machine's counts of frames, mappings, pages and slots stay true",
    "survives": "fork, exit, munmap, mremap and mlock, in any order and under every pressure, end "
    "in no exception and no endless loop",
    "writes_only_its_own": "no kernel writes a column of the machine but the strategy's own",
    "frees_objects": "when all processes have exited no object is left",
    "deterministic": "the same script leaves the same machine behind twice",
    "same_decisions": "the policy takes the decisions that it takes with full_scan",
    "lanes_agree": "compiled, bounds-checked and plain Python leave the same machine behind",
    "bounded": "a million accesses take no memory that the first tenth did not take",
    "grows_as_claimed": "work and objects grow with processes and depth as `growth` says",
}
PROMISES = {"policy": POLICY, "rmap": STRATEGY}
COMPILED = ("lanes_agree", "bounded", "grows_as_claimed")
"""Checks that compile the plugin, in processes of their own."""
