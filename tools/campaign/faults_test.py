#!/usr/bin/env python3
# The pure parts of the fault campaign: what a trace says, which cells are chosen, what a cell must
# keep to.

import os
import tempfile
import unittest

import matrix
from matrix import Cell, choose, choose_kills, every_fault
from rules import judge_cell
from templates import BLOCK, blocks_left
from tracing import counted, read_trace

SEGMENT = "/d/data/log/00000000000000000001.seg"
TRACE = f"""\
7 openat(AT_FDCWD</d>, "/lib/x.so", O_RDONLY) = 3</lib/x.so>
7 openat(AT_FDCWD</d>, "/d/data", O_RDONLY) = 6</d/data>
7 fdatasync(6<{SEGMENT}> <unfinished ...>
8 openat(6</d/data>, ".", O_RDONLY) = 7</d/data>
7 <... fdatasync resumed>) = -1 EIO (Input/output error) (INJECTED)
8 fdatasync(6<{SEGMENT}>) = 0 (DELAYED)
8 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = -1 ENOMEM (x) (INJECTED)
8 futex(0x1, FUTEX_WAIT <unfinished ...>
7 +++ exited with 74 +++
""".splitlines()
COUNTS = {"recover": {"openat2": (2, 9), "pread64": (0, 4), "fsync": (3, 3)},
          "load": {"fdatasync": (0, 90), "accept4": (0, 1), "pwrite64": (0, 90)}}


def calls_of(*lines):
    return read_trace(list(lines))


def sync(result):
    return f"7 fdatasync(6<{SEGMENT}>) = {result}"


FAILED = "-1 EIO (Input/output error) (INJECTED)"


class TraceTest(unittest.TestCase):
    def test_a_call_that_was_interrupted_in_the_trace_is_one_call(self):
        calls = read_trace(TRACE)
        self.assertEqual([call.name for call in calls], [
            "openat", "openat", "fdatasync", "openat", "fdatasync", "mmap", "futex"])
        first, second = [call for call in calls if call.name == "fdatasync"]
        self.assertEqual((first.path, first.error, first.injected, first.thread),
                         (SEGMENT, "EIO", True, "7"))
        self.assertEqual((second.error, second.injected, second.delayed), (None, False, True))
        self.assertGreater(second.entered, first.returned)

    def test_what_never_returned_is_not_injected(self):
        self.assertFalse(read_trace(TRACE)[-1].injected)
        self.assertIsNone(read_trace(TRACE)[-1].returned)

    def test_counts_leave_out_the_loader_and_go_by_thread(self):
        found = counted(read_trace(TRACE), "/d/data")
        self.assertEqual(found["openat"], (1, 2))
        self.assertEqual(found["fdatasync"], (0, 1))

    def test_where_only_files_are_looked_at_nothing_is_the_loaders(self):
        self.assertEqual(counted(read_trace(TRACE), "/d/data", True)["openat"], (0, 2))


class MatrixTest(unittest.TestCase):
    def test_a_name_names_its_cell(self):
        for name in ("load:fdatasync:EIO:3", "create:clone3:EAGAIN:1+", "turn:openat2:KILL:4"):
            self.assertEqual(str(Cell.parse(name)), name)
        for name in ("nowhere:fsync:EIO:1", "load:fsync:EIO", "load:fsync:EIO:x"):
            self.assertRaises(ValueError, Cell.parse, name)

    def test_interruptions_end(self):
        self.assertIn("when=3..5", Cell.parse("load:read:EINTR:3").options()[-1])
        self.assertFalse([cell for cell in every_fault("load", COUNTS["load"])
                          if cell.fault == "EINTR" and cell.onward])

    def test_what_strace_can_not_do_is_left_to_the_shim(self):
        for name in ("load:write:SHORT:1+", "load:read:ECONNRESET:2"):
            self.assertIsNone(Cell.parse(name).options())
            self.assertTrue(Cell.parse(name).shim_mode)
        self.assertIsNone(Cell.parse("load:read:EINTR:2").shim_mode)

    def test_only_occurrences_that_the_daemon_makes_are_chosen(self):
        for cell in choose(COUNTS, {}, 60, seed=5):
            if cell.fault in ("SHORT", "SLOW") or str(cell) in matrix.ALWAYS:
                continue
            before, most = COUNTS[cell.point][cell.call]
            self.assertTrue(before < cell.first <= most, str(cell))
        self.assertNotIn("fsync", {cell.call for cell in choose(COUNTS, {}, 60, seed=5)
                                   if cell.point == "recover"})

    def test_one_seed_is_one_choice_and_special_cells_come_first(self):
        firsts = {("recover", "pread64"): 3}
        first = choose(COUNTS, firsts, 30, seed=1)
        self.assertEqual(first, choose(COUNTS, firsts, 30, seed=1))
        self.assertNotEqual(first, choose(COUNTS, firsts, 30, seed=2))
        self.assertIn(Cell.parse("recover:pread64:EIO:3"), first[:6])
        self.assertEqual(len(first), 30)

    def test_kills_take_first_occurrences_first(self):
        kills = choose_kills(COUNTS, 8, seed=1)
        self.assertEqual({cell.call for cell in kills[:4]},
                         {"openat2", "pread64", "fdatasync", "pwrite64"})
        self.assertTrue(all(cell.first - COUNTS[cell.point][cell.call][0] <= 2 for cell in kills))

    def test_nothing_to_choose_from_is_an_error(self):
        self.assertRaises(ValueError, choose, {"recover": {}}, {}, 3, 1)


class RulesTest(unittest.TestCase):
    def rules(self, name, calls=(), status=None, served=True, asked=False, progress=9, losses=0):
        memory, faults = judge_cell(Cell.parse(name), list(calls), status, served, asked,
                                    progress, losses, "tenure: its last words")
        return memory, {rule for rule, _ in faults}

    def test_named_codes_pass_and_others_do_not(self):
        name = "recover:openat2:EIO:1"
        for status in (None, 71, 73, 74):
            self.assertEqual(self.rules(name, status=status)[1], set())
        for status in (0, 1, 64, 65, 70, 75, 78, 127):
            self.assertEqual(self.rules(name, status=status)[1], {"exit"})

    def test_zero_is_for_one_who_was_told(self):
        self.assertEqual(self.rules("stop:fsync:EIO:1", status=0, asked=True)[1], set())

    def test_signals_are_traps_but_the_one_that_was_sent(self):
        for status in (-4, -5, -6, -11, -9):
            self.assertEqual(self.rules("load:read:EINTR:1", status=status)[1], {"trap"})
        self.assertEqual(self.rules("load:fdatasync:KILL:1", status=-9)[1], set())
        self.assertEqual(self.rules("load:fdatasync:KILL:1", status=-4)[1], {"trap"})

    def test_a_library_without_a_loop_or_thread_may_end_a_start_only(self):
        for call in ("epoll_create1(EPOLL_CLOEXEC)", "clone3({flags=CLONE_VM}, 88)"):
            calls = calls_of(f"7 {call} = -1 ENFILE (Too many open files) (INJECTED)")
            name = f"create:{call.split('(')[0]}:{'EAGAIN' if 'clone' in call else 'ENFILE'}:1"
            self.assertEqual(self.rules(name, calls, status=-4, served=False), (True, set()))
            self.assertEqual(self.rules(name, calls, status=-4)[1], {"trap"})
            self.assertEqual(self.rules(name, calls, status=-11, served=False)[1], {"trap"})
        calls = calls_of("7 openat2(3</d>, 0, 0, 24) = -1 ENFILE (Too many) (INJECTED)")
        name = "create:openat2:ENFILE:1"
        self.assertEqual(self.rules(name, calls, status=-4, served=False)[1], {"trap"})

    def test_only_memory_that_no_file_is_behind_may_end_it_by_a_signal(self):
        no = "-1 ENOMEM (Cannot allocate memory) (INJECTED)"
        anonymous = calls_of(f"7 mmap(NULL, 9, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {no}")
        filed = calls_of(f"7 mmap(NULL, 9, PROT_READ, MAP_SHARED, 6<{SEGMENT}>, 0) = {no}")
        name = "load:mmap:ENOMEM:1"
        self.assertEqual(self.rules(name, anonymous, status=-4), (True, set()))
        self.assertEqual(self.rules(name, filed, status=-4), (False, {"trap"}))
        self.assertEqual(self.rules(name, status=-4), (False, {"trap"}))

    def test_a_failed_sync_of_the_log_ends_it_with_74_and_is_not_tried_again(self):
        name = "load:fdatasync:EIO:1"
        self.assertEqual(self.rules(name, calls_of(sync(FAILED)), status=74)[1], set())
        self.assertEqual(self.rules(name, calls_of(sync(FAILED)), status=73)[1], {"L4"})
        self.assertEqual(self.rules(name, calls_of(sync(FAILED)))[1], {"L4"})
        self.assertEqual(
            self.rules(name, calls_of(sync("0"), sync(FAILED), sync("0")), status=74)[1], {"L4"})
        other = calls_of(f"7 fdatasync(6</d/data/log/spare.tmp>) = {FAILED}")
        self.assertEqual(self.rules(name, other)[1], set())

    def test_a_stop_that_could_not_write_is_not_called_done(self):
        name = "stop:pwrite64:EIO:1"
        for path in (SEGMENT, "/d/data/state/data.mdb"):
            calls = calls_of(f'7 pwrite64(6<{path}>, "", 4096, 0) = {FAILED}')
            self.assertEqual(self.rules(name, calls, status=0, asked=True)[1], {"exit"})
            self.assertEqual(self.rules(name, calls, status=74, asked=True)[1], set())
        calls = calls_of(f"7 fdatasync(6</d/data/log/spare.tmp>) = {FAILED}")
        self.assertEqual(self.rules(name, calls, status=0, asked=True)[1], set())

    def test_what_can_not_be_read_ends_it_with_74(self):
        calls = calls_of(f'7 pread64(6<{SEGMENT}>, "", 4096, 0) = {FAILED}')
        name = "recover:pread64:EIO:1"
        self.assertEqual(self.rules(name, calls, status=74)[1], set())
        self.assertEqual(self.rules(name, calls)[1], {"T5"})

    def test_those_who_are_connected_do_not_notice_that_nobody_else_can_be(self):
        calls = calls_of("7 accept4(5<socket:[1]>, 0, 0, 0) = -1 EMFILE (x) (INJECTED)")
        name = "load:accept4:EMFILE:1+"
        self.assertEqual(self.rules(name, calls)[1], set())
        self.assertEqual(self.rules(name, calls, losses=1)[1], {"accept"})
        self.assertEqual(self.rules(name, calls, progress=0)[1], {"accept"})
        self.assertEqual(self.rules(name, calls, status=74)[1], {"accept"})


class TemplateTest(unittest.TestCase):
    def test_what_is_left_of_a_segment(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(bytes(5) + b"x" + bytes(BLOCK) + b"y")
            file.truncate(8 * BLOCK)
            file.flush()
            self.assertEqual(blocks_left(file.name), 6)
            os.truncate(file.name, 0)
            self.assertEqual(blocks_left(file.name), 0)


if __name__ == "__main__":
    unittest.main()
