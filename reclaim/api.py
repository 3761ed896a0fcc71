"""Everything a plugin file imports: contracts, accessors, the kit, the hook marker.

Policies may use what stands under *policies*, strategies also what stands under *strategies*.
"""

from __future__ import annotations

from reclaim.contract.observer import Chart, Observer, Records, Section
from reclaim.contract.param import Param
from reclaim.contract.policy import Policy
from reclaim.contract.reader import TraceReader
from reclaim.contract.rmap import RmapStrategy
from reclaim.contract.workload import Workload
from reclaim.counters import (
    LOCKS,
    PTES_PROBED,
    RMAP_LINKS_ADDED,
    RMAP_LINKS_REMOVED,
    RMAP_LINKS_VISITED,
    RMAP_OBJECTS_ALLOCATED,
    RMAP_OBJECTS_FREED,
    RMAP_SLOTS_SEARCHED,
    RMAP_TREE_STEPS,
    RMAP_VMAS_VISITED,
    TRYLOCKS,
    VMA_LOOKUPS,
    count,
)
from reclaim.errors import ConfigError
from reclaim.ids import EXECUTE, LEAF_BITS, LEAF_PTES, NIL, READ, VPN_BITS, WRITE
from reclaim.jit.handle import F64, I32, I64, U8, Handle
from reclaim.jit.kernel import U, cold, kernel, prefetch
from reclaim.kit.anon_lists import AnonLists, wrong_anon_lists
from reclaim.kit.anon_vma_checks import wrong_file_trees, wrong_groups
from reclaim.kit.anon_vmas import BY_COUNTERS, BY_DEGREE, NOBODY, AnonVmas
from reclaim.kit.anonmms import AnonMms
from reclaim.kit.bloom import Bloom, bloom_add, bloom_clear, bloom_holds
from reclaim.kit.checks import mapped_ptes, used_objects
from reclaim.kit.file_prio import (
    file_prio_insert,
    file_prio_remove,
    file_prio_walk,
    wrong_file_prios,
)
from reclaim.kit.file_tree import (
    UNLIMITED,
    FilesInTrees,
    file_tree_insert,
    file_tree_remove,
    file_tree_walk,
)
from reclaim.kit.frequency import (
    Frequencies,
    frequency_add,
    frequency_add_all,
    frequency_count,
    frequency_holds,
    frequency_remove,
    frequency_take_least,
    frequency_use,
    wrong_frequencies,
)
from reclaim.kit.ghosts import (
    Ghosts,
    ghost_claim,
    ghost_forget_oldest,
    ghost_list,
    ghost_move_front,
    ghost_oldest,
    ghost_push_front,
    ghost_recall,
    ghost_remember,
    ghost_remove,
    ghost_set_word,
    ghost_size,
    ghost_take_oldest,
    ghost_word,
    wrong_ghosts,
)
from reclaim.kit.heap import (
    Heap,
    heap_holds,
    heap_key,
    heap_push,
    heap_remove,
    heap_top,
    heap_update,
)
from reclaim.kit.history import History
from reclaim.kit.hment_checks import HMENT_LINKS, HMENT_WORDS, wrong_hments
from reclaim.kit.lists import (
    frames_on,
    list_at,
    list_back,
    list_before,
    list_behind,
    list_insert,
    list_remove,
    move_to_front,
    push_back,
    push_front,
    scan_before,
    take_back,
    take_victims,
    wrong_lists,
)
from reclaim.kit.pool import Pool, pool_alloc, pool_free, pool_short
from reclaim.kit.pte_chains import PteChains
from reclaim.kit.pv_lists import PvLists
from reclaim.kit.recency import (
    RecencyStack,
    stack_drop,
    stack_drop_name,
    stack_holds,
    stack_leave,
    stack_prune,
    stack_push,
    stack_size,
    stack_take_marked,
    stack_touch,
    wrong_stack,
)
from reclaim.kit.regions import (
    REGION_END,
    REGION_SAMPLE,
    REGION_START,
    Regions,
    count_use,
    draw_frame,
    end_look,
    next_idle,
    nr_regions,
    region_get,
    split_regions,
    wrong_regions,
)
from reclaim.kit.regret import Regret, regret_choose, regret_evicted, regret_wanted
from reclaim.kit.reuse_clock import (
    ReuseClock,
    clock_end_test,
    clock_enter,
    clock_go,
    clock_leave,
    clock_marks,
    clock_move,
    clock_use_in_test,
    hand_cold,
    hand_hot,
    hand_test,
    hot_is_full,
    nr_gone,
    nr_hot,
    on_clock,
    wrong_reuse_clock,
)
from reclaim.kit.rings import (
    RING_WORDS,
    ring_last,
    ring_next,
    ring_nodes,
    ring_push_front,
    ring_remove,
)
from reclaim.kit.rng import new_rng, random_below
from reclaim.kit.row_lists import (
    LINK_WORDS,
    row_list_init,
    row_list_insert,
    row_list_nodes,
    row_list_push_back,
    row_list_push_front,
    row_list_remove,
)
from reclaim.kit.sized import (
    sized_last,
    sized_list,
    sized_move_back,
    sized_move_front,
    sized_push_back,
    sized_push_front,
    sized_remove,
    sized_take_back,
    sized_take_victims,
    wrong_sizes,
)
from reclaim.kit.sketch import Sketch, sketch_add, sketch_estimate, sketch_halve
from reclaim.kit.sweeps import (
    hold,
    hold_also_benched,
    is_held,
    let_go,
    let_go_or_unbench,
    next_held,
    turn,
    wrong_holds,
)
from reclaim.kit.tiny_lfu import TinyLfu, tiny_lfu_add, tiny_lfu_estimate
from reclaim.kit.tree import (
    tree_first,
    tree_insert,
    tree_insert_after,
    tree_next,
    tree_remove,
)
from reclaim.kit.tree_hash import TreeHash
from reclaim.kit.uses import AGAIN, IDLE, ONCE, USE_WORD, ask_use, note_use, watch_new
from reclaim.kit.vma_lists import (
    file_list_insert,
    file_list_remove,
    file_lists_walk,
    wrong_file_lists,
)
from reclaim.plugin.markers import hookimpl
from reclaim.rows import (
    BATCH,
    COUNTERS,
    FILE_R0,
    FILE_WORDS,
    FRAME_HEAD,
    FRAME_WORDS,
    LEAF_TOP,
    LEAF_WORDS,
    NEVER,
    NODE_HIGH,
    NODE_LOW,
    NODE_WORDS,
    NR_LEAVES,
    SPACE_NR_VMAS,
    SPACE_R0,
    SPACE_VMAS,
    SPACE_WORDS,
    VMA_FILE,
    VMA_FLAGS,
    VMA_LAST,
    VMA_NEXT,
    VMA_PGOFF,
    VMA_PREV,
    VMA_R0,
    VMA_SPACE,
    VMA_START,
    VMA_WORDS,
)
from reclaim.vm.evict import DROP, KEEP, STOP, maps, referenced, unmap_one, was_dirty
from reclaim.vm.frames import (
    file_of,
    frame_of,
    head_of,
    index_of,
    is_anon,
    mapcount,
    next_use,
    next_use_after,
    now,
    page_of,
    set_head,
    set_word,
    word,
)
from reclaim.vm.mapping import (
    FREED,
    LOCKED,
    MLOCK,
    NO_SWAP,
    PAGEOUT,
    PROBE,
    TRUNCATED,
    UNLOCKED,
    WRITEBACK,
)
from reclaim.vm.pte import DIRTY, HAS_SLOT, pte_frame, pte_space, pte_vpn
from reclaim.vm.tables import find_pte
from reclaim.vm.tell import BY_FD, BY_PTE, BY_ZAP
from reclaim.vm.tour import (
    begin_pass,
    new_tour,
    next_mapping,
    take_young,
)
from reclaim.vm.vma import vma_get, vma_index, vma_set, vma_vpn

__all__ = [name for name in dir() if not name.startswith("_") and name != "annotations"]
