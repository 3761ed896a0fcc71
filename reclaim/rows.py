"""How the rows of the machine's arrays are laid out, in 64-bit words.

What is used together lies in one cache line: a frame's row and a page's row are 64 bytes each, and
the arrays are aligned to that. Kernels read ``m.frame[pfn * FRAME_WORDS + FRAME_PAGE]`` through the
accessors of `reclaim.vm`; only those write.
"""

from __future__ import annotations

FRAME_WORDS = 8
FRAME_HEAD = 0  # the strategy's word: chain head, anon_vma, ...
FRAME_PAGE = 1  # page id, NIL when free
FRAME_MAPCOUNT = 2  # PTEs that map it
FRAME_FLAGS = 3  # bits below, and from bit 8 on the number of LOCKED mappings
FRAME_NEXT = 4  # links of kit.lists
FRAME_PREV = 5
FRAME_W0 = 6  # two words for the policy
FRAME_W1 = 7

FRAME_DIRTY = 1
FRAME_PINNED = 2
FRAME_WRITEBACK = 4
FRAME_DYING = 8  # unmapped by an event; freed when the policy has been told
FRAME_OWNED = 16  # the policy has it: between fault_in or putback, and select or removed
FRAME_EVICTED = 32  # evicted, but still held by its writeback
FRAME_LOCK = 1 << 8  # one LOCKED mapping

PAGE_WORDS = 8
PAGE_FRAME = 0  # pfn or NIL
PAGE_BACKING = 1  # kind | file << 2
PAGE_INDEX = 2  # offset in the file; for an anonymous page its linear page index
PAGE_SHARERS = 3  # ANON: PTEs that hold it, present or swapped
PAGE_SLOT = 4  # 1 when it owns a swap slot
PAGE_SWAPPED = 5  # swapped PTEs
PAGE_SHADOW = 6  # what the policy said when it was last evicted
PAGE_EVICTED_AT = 7  # 1 + number of that eviction; 0: never evicted

LEAF_WORDS = 4
LEAF_SPACE = 0
LEAF_BASE = 1  # vpn of its first PTE
LEAF_NEXT = 2  # next leaf of the space, in order of allocation
LEAF_USED = 3  # PTEs that are not empty

SPACE_WORDS = 16
SPACE_ROOT = 0  # directory node
SPACE_VMAS = 1  # first VMA by address, NIL
SPACE_TREE = 2  # root of the VMA tree
SPACE_NR_VMAS = 3
SPACE_NR_LEAVES = 4
SPACE_NR_PTES = 5  # PTEs that are not empty
SPACE_LEAVES = 6  # first leaf
SPACE_ALIVE = 7
SPACE_NR_NODES = 8  # directory nodes
SPACE_LAST_LEAF = 9
SPACE_RECENT = 10  # VMA that a fault found last, NIL
SPACE_RESUME = 11  # page at which a policy's tour of the space goes on (vm.tour)
SPACE_R0 = 12  # four words for the strategy

# A node of kit.tree: six words anywhere in an array of rows.
NODE_LEFT = 0
NODE_RIGHT = 1
NODE_PARENT = 2
NODE_LOW = 3
NODE_HIGH = 4
NODE_MAX = 5
NODE_WORDS = 6

VMA_WORDS = 32
VMA_NODE = 0  # node of the space's tree; its keys are the VMA's range
VMA_START = VMA_NODE + NODE_LOW
VMA_LAST = VMA_NODE + NODE_HIGH  # last page, inclusive
VMA_FLAGS = 6
VMA_SPACE = 7
VMA_FILE = 8  # file or NIL
VMA_PGOFF = 9
VMA_NEXT = 10  # by address
VMA_PREV = 11
VMA_R0 = 12  # twenty words for the strategy

# VMA flags: ids.PROT_*, ids.MAP_SHARED, and
VMA_LOCKED = 16
VMA_HAS_ANON = 32

FILE_WORDS = 8
FILE_ROOT = 0  # directory node of the page index
FILE_KIND = 1  # ids.FILE or ids.SHM
FILE_END = 2  # one more than the largest offset ever touched
FILE_NR_PAGES = 3
FILE_R0 = 4  # four words for the strategy

NODE_ENTRIES = 512  # entries of a directory node

# ---- the live words: scalars that kernels change ------------------------------------------------

(
    NOW,  # accesses so far, repeats included
    NR_FREE,  # free frames
    NR_EVICTED,  # evictions so far: the clock of refault distances
    COUNTERS,  # offset of the live phase's row in m.counters
    NR_PAGES,  # page ids given
    NR_LIVE_PAGES,  # pages with a frame or a life
    LEAF_FREE,  # free list of leaves (through LEAF_NEXT), 0 = none
    LEAF_TOP,  # leaves ever used
    NODE_FREE,  # free list of directory nodes (through entry 0), 0 = none
    NODE_TOP,
    VMA_FREE,  # free list of VMAs (through VMA_NEXT), NIL = none
    VMA_TOP,
    NR_VMAS,
    NR_LEAVES,
    NR_NODES,
    SLOTS_USED,
    SLOTS_LIMIT,  # NIL: unlimited
    ERROR,  # an E_ code, and what it is about
    ERROR_SPACE,
    ERROR_VPN,
    PRESSURE,
    MIN,
    LOW,
    HIGH,
    KSWAPD_EVERY,
    KSWAPD_DUE,  # NOW at which its next batch is due; NEVER when asleep
    WRITEBACK_ACCESSES,
    WRITEBACK_HEAD,  # ring of frames under writeback
    WRITEBACK_TAIL,
    TICK,  # NOW at which the loop must look up: the earliest of all that is due
    FORK_ALL,
    NR_REMOVALS,
    TOUCH,  # touches so far: index into next_use
    NEXT_USE,  # touch index at which the page now touched is touched next
    YOUNG,  # what the last referenced walk gathered: young PTEs ...
    WALK_FLAGS,  # ... and the flags of the VMAs or PTEs behind them
    UNMAPPED_YOUNG,  # young PTEs that unmap walks met; truncation counts from zero
    WANT_LEAVES,  # room that a kernel asked for when it stopped with GROW
    WANT_NODES,
    WANT_VMAS,
    WANT_PAGES,
    WANT_REMOVALS,
    WANT_OBJECTS,
    WANT_FRAMES,
    WANT_TOUCHES,
    EVENT_CURSOR,  # how far a resumable event has got
    PROBE_MAPCOUNT,
    COPIED,  # page copied by the last COW, for the touch order
    WORK_START,  # work counted when the current direct reclaim began
    LEAST_FREE,  # fewest free frames ever, in infinite memory: its peak
    NR_WRITEBACK,
    NR_PTES,  # PTEs of the whole machine that are not empty
    ROOM,  # faults that have room for certain; an event may use it up
    MEASURE,  # not 0: distributions of walks and faults are wanted
    AGE_EVERY,  # accesses between two calls of `age`
    AGE_DUE,  # NOW at which the next is due; NEVER for a policy without
    SAMPLE_EVERY,  # accesses between two samples
    SAMPLE_JITTER,  # not 0: that many on average, drawn each time
    SAMPLE_DUE,
) = range(59)
LIVE_WORDS = 64

NEVER = 1 << 62

EXACT, LIMIT, WATERMARKS, INFINITE = 0, 1, 2, 3
ROOM_FOR = 64  # faults that rows are kept ready for, so that most faults need not ask
BATCH = 32  # SWAP_CLUSTER_MAX: frames a batch of reclaim asks for

# What a kernel returns to Python when it stops.
DONE, GROW, STOPPED = 0, 1, 2

# Why it stopped (live[ERROR]).
E_NONE, E_NO_VMA, E_PROTECTION, E_OOM, E_VICTIM, E_SPACE, E_NOT_PRESENT, E_MAPPED, E_WALK = range(9)
