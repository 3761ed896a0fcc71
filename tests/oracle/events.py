"""Faults and events of the oracle machine, each as the reference page says it."""

from __future__ import annotations

from typing import Any

from tests.oracle.frames import Frames
from tests.oracle.model import Kind, Page, Pte, Space, Vma
from tests.oracle.steps import READ, WRITE, Prot


class SegmentationFaultError(Exception):
    """An access outside every mapping, or one that protection forbids."""


class Events(Frames):
    """What faults and events do to page tables, mappings and frames."""

    fork_copies: str
    file_pages: dict[tuple[int, int], Page]
    probes: list[dict[str, Any]]
    shm_files: set[int]

    # ---- pages

    def new_page(self, kind: Kind, file: int | None = None, offset: int = 0) -> Page:
        page = Page(len(self.pages), kind, file, offset)
        self.pages.append(page)
        return page

    def page_of_file(self, file: int, offset: int) -> tuple[Page, bool]:
        """Return the page at an offset of a file, and whether this is its first touch."""
        if (file, offset) in self.file_pages:
            return self.file_pages[file, offset], False
        kind = Kind.SHM if file in self.shm_files else Kind.FILE
        page = self.file_pages[file, offset] = self.new_page(kind, file, offset)
        return page, True

    def allows_write(self, vma: Vma, page: Page) -> bool:
        """Whether an entry may be writable: private pages that others hold may not."""
        if not vma.prot.write:
            return False
        return vma.shared or (page.kind is Kind.ANON and page.sharers == 1)

    # ---- entries

    def map(self, space: Space, vma: Vma, vpn: int, page: Page) -> Pte:
        """Map a page that has a frame. An anonymous page has counted this sharer already."""
        prot = vma.prot._replace(write=self.allows_write(vma, page))
        pte = Pte(page, present=True, prot=prot, young=True)
        space.set(vpn, pte)
        page.rmap.add((space.id, vpn))
        if vma.locked:
            self.lock(page, (space.id, vpn))
        return pte

    def lock(self, page: Page, where: tuple[int, int]) -> None:
        if not page.locked_by:
            self.policy.removed(page.id, "MLOCK")
        page.locked_by.add(where)

    def unlock(self, page: Page, where: tuple[int, int], *, stays: bool = True) -> None:
        if where in page.locked_by:
            page.locked_by.remove(where)
            if stays and not page.locked_by:
                self.policy.putback(page.id, "UNLOCKED")

    def drop(self, space: Space, vpn: int) -> Page:
        """Forget an entry, present or swapped; say to nobody what became of its page."""
        pte = space.table.pop(vpn)
        page = pte.page
        if pte.present:
            page.dirty |= pte.dirty
            page.rmap.remove((space.id, vpn))
        else:
            page.nr_swapped -= 1
        if page.kind is Kind.ANON:
            page.sharers -= 1
        return page

    def zap(self, space: Space, vpn: int, *, dying: bool = False) -> None:
        pte = space.table[vpn]
        self.counters["ptes_zapped"] += 1
        if pte.present and pte.young and pte.page.kind is not Kind.ANON:
            self.policy.accessed(pte.page.id, "ZAP", 1)
        page = self.drop(space, vpn)
        dies = page.kind is Kind.ANON and page.sharers == 0
        self.unlock(page, (space.id, vpn), stays=not dies and not dying)
        if dies:
            self.kill(page, "FREED")

    # ---- faults

    def fault(self, space_id: int, vpn: int, op: int, nr: int) -> bool:
        """Serve a fault. Return whether the page touched had no frame."""
        space = self.spaces[space_id]
        vma = space.vma_at(vpn)
        if vma is None or not vma.prot.permits(op):
            raise SegmentationFaultError(f"space {space_id} page {vpn} op {op}")
        pte = space.table.get(vpn)
        if pte is not None and pte.present:
            self.fault_on_protected(space, vma, vpn, pte)
            return False
        if pte is not None:
            page, had_frame, was_read = self.ready_swapped(pte, nr)
        else:
            page, had_frame, was_read = self.ready_empty(space, vma, vpn, nr)
        self.counters["major_faults" if was_read else "minor_faults"] += 1
        if op == WRITE and not vma.shared and (page.kind is not Kind.ANON or page.sharers > 1):
            self.copy(space, vma, vpn, page)
        else:
            if pte is not None:
                page.nr_swapped -= 1
            self.use(self.map(space, vma, vpn, page), op)
        return not had_frame

    def fault_on_protected(self, space: Space, vma: Vma, vpn: int, pte: Pte) -> None:
        """Write where the entry is present and lacks only the permission to write."""
        page = pte.page
        assert not vma.shared and not pte.prot.write
        self.touches[-1].append(page.id)
        self.counters["minor_faults"] += 1
        self.policy.accessed(page.id, "PTE", 1)
        if page.kind is not Kind.ANON or page.sharers > 1:
            self.copy(space, vma, vpn, page)
        else:
            self.counters["wp_reuses"] += 1
            pte.prot = pte.prot._replace(write=True)
            self.use(pte, WRITE)

    def copy(self, space: Space, vma: Vma, vpn: int, source: Page) -> None:
        """Give the writer a page of its own."""
        self.counters["cow_copies"] += 1
        page = self.new_page(Kind.ANON)
        self.touches[-1].append(page.id)
        page.sharers = 1
        self.pinned.add(source)
        self.get_frame(page)
        self.pinned.remove(source)
        if vpn in space.table:
            self.drop(space, vpn)
        self.enter(page, dirty=True)
        vma.has_anon = True
        self.use(self.map(space, vma, vpn, page), WRITE)
        self.unlock(source, (space.id, vpn))

    def ready_swapped(self, pte: Pte, nr: int) -> tuple[Page, bool, bool]:
        """Give the page of a swapped entry a frame: (page, had one, was read)."""
        page = pte.page
        self.touches[-1].append(page.id)
        return page, *self.ready(page, nr, is_new=False)

    def ready_empty(self, space: Space, vma: Vma, vpn: int, nr: int) -> tuple[Page, bool, bool]:
        """Give the page behind an empty entry a frame: (page, had one, was read)."""
        if vma.file is None:
            page, is_new = self.new_page(Kind.ANON), True
            page.sharers = 1
        else:
            page, is_new = self.page_of_file(vma.file, vma.pgoff + vpn - vma.start)
        self.touches[-1].append(page.id)
        had_frame, was_read = self.ready(page, nr, is_new=is_new)
        if page.kind is Kind.ANON:
            vma.has_anon = True
        return page, had_frame, was_read

    def ready(self, page: Page, nr: int, *, is_new: bool) -> tuple[bool, bool]:
        """Make a page have a frame: (had one, was read from file or swap)."""
        if page.has_frame:
            self.find(page, "PTE", nr)
            return True, False
        self.get_frame(page)
        filled_with_zero = is_new and page.kind is not Kind.FILE
        self.enter(page, dirty=filled_with_zero)
        if not filled_with_zero:
            self.counters["file_reads" if page.kind is Kind.FILE else "swap_ins"] += 1
        return False, not filled_with_zero

    # ---- mappings

    def do_mmap(
        self,
        space_id: int,
        start: int,
        npages: int,
        file: int | None,
        offset: int,
        is_shm: bool,
        prot: Prot,
        shared: bool,
    ) -> None:
        space = self.spaces.setdefault(space_id, Space(space_id))
        self.unmap(space, start, start + npages)
        if file is not None and is_shm:
            self.shm_files.add(file)
        pgoff = start if file is None else offset
        space.insert(Vma(start, start + npages, prot, shared, file, is_shm, pgoff))
        space.merge(start, start + npages)

    def unmap(self, space: Space, start: int, end: int) -> None:
        inside = space.split(start, end)
        for vpn, _ in space.entries(start, end):
            self.zap(space, vpn)
        for vma in inside:
            space.vmas.remove(vma)

    def do_munmap(self, space_id: int, start: int, npages: int) -> None:
        self.unmap(self.spaces[space_id], start, start + npages)

    def do_mremap(self, space_id: int, old: int, npages: int, new: int) -> None:
        space = self.spaces[space_id]
        self.unmap(space, new, new + npages)
        moving = space.split(old, old + npages)
        entries = space.entries(old, old + npages)
        for vma in moving:
            vma.start += new - old
            vma.end += new - old
            if vma.file is None and not vma.has_anon:
                vma.pgoff = vma.start
        space.vmas.sort(key=lambda vma: vma.start)
        for vpn, _ in entries:
            del space.table[vpn]
        for vpn, pte in entries:
            self.counters["ptes_moved"] += 1
            space.set(vpn + new - old, pte)
            for places in (pte.page.rmap, pte.page.locked_by):
                if (space_id, vpn) in places:
                    places.remove((space_id, vpn))
                    places.add((space_id, vpn + new - old))

    def do_mprotect(self, space_id: int, start: int, npages: int, prot: Prot) -> None:
        space = self.spaces[space_id]
        for vma in space.split(start, start + npages):
            vma.prot = prot
            for _, pte in space.entries(vma.start, vma.end):
                if pte.present:
                    pte.prot = prot._replace(write=self.allows_write(vma, pte.page))
        space.merge(start, start + npages)

    def do_mlock(self, space_id: int, start: int, npages: int) -> None:
        space = self.spaces[space_id]
        inside = space.split(start, start + npages)
        for vma in inside:
            vma.locked = True
            for vpn, pte in space.entries(vma.start, vma.end):
                if pte.present:
                    self.lock(pte.page, (space_id, vpn))
        pages = [vpn for vma in inside for vpn in range(vma.start, vma.end)]
        space.merge(start, start + npages)
        for vpn in pages:
            self.touch_for_mlock(space, vpn)

    def touch_for_mlock(self, space: Space, vpn: int) -> None:
        vma = space.vma_at(vpn)
        assert vma is not None
        if not vma.prot.read:
            return
        op = WRITE if vma.prot.write and not vma.shared else READ
        pte = space.table.get(vpn)
        self.begin_touch()
        if pte is not None and pte.present and (op == READ or pte.prot.write):
            self.touches[-1].append(pte.page.id)
        elif self.fault(space.id, vpn, op, 1):
            self.counters["fills"] += 1

    def do_munlock(self, space_id: int, start: int, npages: int) -> None:
        space = self.spaces[space_id]
        for vma in space.split(start, start + npages):
            vma.locked = False
            for vpn, pte in space.entries(vma.start, vma.end):
                self.unlock(pte.page, (space_id, vpn))
        space.merge(start, start + npages)

    def do_madvise(self, space_id: int, start: int, npages: int, advice: str) -> None:
        space = self.spaces[space_id]
        for vpn, pte in space.entries(start, start + npages):
            vma = space.vma_at(vpn)
            assert vma is not None
            if vma.locked:
                continue
            if advice == "dontneed":
                self.zap(space, vpn)
            elif advice == "cold" and pte.present and not pte.page.locked_by:
                pte.young = False
                self.policy.deactivated(pte.page.id)
            elif advice == "pageout" and pte.present and len(pte.page.rmap) == 1:
                self.evict_by_order(pte.page, "PAGEOUT")

    def evict_by_order(self, page: Page, why: str) -> bool:
        """Evict a page that nobody selected; leave it alone if it cannot go."""
        if page.locked_by or self.refusal(page) is not None:
            return False
        self.policy.removed(page.id, why)
        self.evict(page)
        return True

    # ---- processes

    def do_fork(self, parent_id: int, child_id: int) -> None:
        parent = self.spaces[parent_id]
        child = self.spaces[child_id] = Space(child_id)
        for vma in parent.vmas:
            twin = vma.copy(vma.start, vma.end)
            twin.locked = False
            child.insert(twin)
            if vma.has_anon or self.fork_copies == "all":
                for vpn, pte in parent.entries(vma.start, vma.end):
                    self.copy_entry(child, twin, vpn, pte)

    def copy_entry(self, child: Space, vma: Vma, vpn: int, pte: Pte) -> None:
        self.counters["ptes_copied"] += 1
        page = pte.page
        if page.kind is Kind.ANON:
            page.sharers += 1
            pte.prot = pte.prot._replace(write=False)
        dirty = pte.dirty and not vma.shared
        child.set(vpn, Pte(page, pte.present, pte.prot, young=False, dirty=dirty))
        if pte.present:
            page.rmap.add((child.id, vpn))
        else:
            page.nr_swapped += 1

    def do_exec(self, space_id: int) -> None:
        space = self.spaces[space_id]
        for vpn, _ in space.entries(0, max(space.table, default=0) + 1):
            self.zap(space, vpn)
        space.vmas.clear()
        space.leaves.clear()

    def do_exit(self, space_id: int) -> None:
        self.do_exec(space_id)
        del self.spaces[space_id]

    # ---- files

    def do_fdread(self, file: int, offset: int, npages: int) -> None:
        for at in range(offset, offset + npages):
            self.touch_through_descriptor(file, at, write=False)

    def do_fdwrite(self, file: int, offset: int, npages: int) -> None:
        for at in range(offset, offset + npages):
            self.touch_through_descriptor(file, at, write=True)

    def touch_through_descriptor(self, file: int, offset: int, *, write: bool) -> None:
        self.begin_touch()
        self.counters["fd_accesses"] += 1
        page, is_new = self.page_of_file(file, offset)
        self.touches[-1].append(page.id)
        if page.has_frame:
            self.find(page, "FD", 1)
        else:
            self.counters["fills"] += 1
            self.get_frame(page)
            filled_with_zero = is_new and page.kind is Kind.SHM
            self.enter(page, dirty=filled_with_zero)
            if page.kind is Kind.SHM and not is_new:
                self.counters["swap_ins"] += 1
            elif page.kind is Kind.FILE and not write:
                self.counters["file_reads"] += 1
        if write:
            page.dirty = True
            self.drop_slot_of_written(page)

    def do_truncate(self, file: int, npages: int) -> None:
        for (of, offset), page in sorted(self.file_pages.items(), key=lambda item: item[0]):
            if of == file and offset >= npages:
                for space, vpn in sorted(page.rmap):
                    self.zap(self.spaces[space], vpn, dying=True)
                self.kill(page, "TRUNCATED")
                del self.file_pages[of, offset]

    # ---- probes

    def do_evict(self, space_id: int, vpn: int) -> None:
        page = self.present_page(space_id, vpn)
        mapcount = len(page.rmap) if page else 0
        evicted = page is not None and self.evict_by_order(page, "PROBE")
        self.probe("evict", mapcount, 0, mapcount if evicted else 0)

    def do_referenced(self, space_id: int, vpn: int) -> None:
        page = self.present_page(space_id, vpn)
        ptes = self.ptes_of(page) if page else []
        young = sum(pte.young for pte in ptes)
        for pte in ptes:
            pte.young = False
        self.probe("referenced", len(ptes), young, len(ptes))

    def present_page(self, space_id: int, vpn: int) -> Page | None:
        pte = self.spaces[space_id].table.get(vpn)
        return pte.page if pte is not None and pte.present else None

    def probe(self, event: str, mapcount: int, young: int, ptes_hit: int) -> None:
        self.probes.append(
            {"event": event, "mapcount": mapcount, "young": young, "ptes_hit": ptes_hit}
        )
