#!/usr/bin/env python3
# The images of a recorded disk: what a cut leaves of writes before and after the last flush.

import os
import random
import tempfile
import unittest

from images import (SECTOR, Builder, Cut, choose, cuts_at, epochs_of, flushed_before,
                    pieces_of, rotations)
from recorder import FAILED, FLUSH, HEADER, WRITE, ZEROS, read_log

PAGE = 4096


class ImagesTest(unittest.TestCase):
    """A log made by hand: two epochs that were flushed, and one that is open."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.log = os.path.join(self.folder.name, "disk.log")
        with open(self.log, "wb") as log:
            for kind, page, letter in [
                    (WRITE, 0, b"a"), (FLUSH, 0, b""), (WRITE, 1, b"b"), (ZEROS, 0, b""),
                    (FAILED, 3, b""), (FLUSH, 0, b""), (WRITE, 1, b"c"), (WRITE, 2, b"d")]:
                length = 0 if kind == FLUSH else PAGE
                log.write(HEADER.pack(kind, page * PAGE, length) + letter * PAGE)
        self.entries = read_log(self.log)

    def image(self, *cuts):
        """The first byte of each page of the last of the images made one after the other."""
        builder = Builder(self.entries, self.log, self.folder.name, 4 * PAGE)
        path = os.path.join(self.folder.name, "image")
        try:
            for cut in cuts:
                builder.make(cut, path)
        finally:
            builder.close()
        with open(path, "rb") as image:
            self.contents = image.read()
        self.assertEqual(len(self.contents), 4 * PAGE)
        return self.contents[::PAGE].replace(b"\0", b".").decode()

    def test_the_log_is_read_whole(self):
        self.assertEqual([entry.kind for entry in self.entries],
                         [WRITE, FLUSH, WRITE, ZEROS, FAILED, FLUSH, WRITE, WRITE])
        self.assertEqual(self.entries[-1].end, os.stat(self.log).st_size)

    def test_a_log_that_is_cut_off_is_refused(self):
        for size in (os.stat(self.log).st_size - 1, self.entries[0].end + 5):
            os.truncate(self.log, size)
            with self.assertRaises(ValueError):
                read_log(self.log)

    def test_a_log_that_grows_is_read_up_to_its_last_whole_entry(self):
        whole = len(self.entries)
        for size in (os.stat(self.log).st_size - 1, self.entries[-1].at - 3):
            os.truncate(self.log, size)
            self.assertEqual(len(read_log(self.log, growing=True)), whole - 1)

    def test_what_was_flushed_is_on_every_image(self):
        self.assertEqual(flushed_before(self.entries, 8), 6)
        self.assertEqual(flushed_before(self.entries, 1), 0)
        self.assertEqual(self.image(Cut(8, 6, "none", [])), ".b..")

    def test_what_was_not_flushed_is_there_as_the_cut_says(self):
        self.assertEqual(self.image(Cut(8, 6, "all", [6, 7])), ".cd.")
        self.assertEqual(self.image(Cut(8, 6, "some", [7])), ".bd.")

    def test_a_write_that_was_made_to_fail_is_nowhere(self):
        self.assertEqual(self.image(Cut(8, 6, "all", [6, 7]))[3], ".")
        self.assertNotIn(4, [index for cut in cuts_at(self.entries, 5, random.Random(1))
                             for index in cut.kept])

    def test_a_torn_write_is_there_in_some_sectors(self):
        self.image(Cut(8, 6, "torn", [], (7, [0, 3])))
        page = self.contents[2 * PAGE:3 * PAGE]
        self.assertEqual(page[::SECTOR], b"d\0\0d\0\0\0\0")
        self.assertEqual(pieces_of(self.entries[7], 6, Cut(8, 6, "torn", [], (7, [0]))),
                         [(0, PAGE)])

    def test_an_image_leaves_nothing_behind_in_the_next(self):
        self.assertEqual(self.image(Cut(3, 2, "all", [2]), Cut(8, 6, "none", [])), ".b..")
        self.assertEqual(self.image(Cut(8, 6, "all", [6, 7]), Cut(8, 6, "none", [])), ".b..")

    def test_images_are_made_forwards_only(self):
        with self.assertRaises(ValueError):
            self.image(Cut(8, 6, "none", []), Cut(3, 2, "none", []))

    def test_a_moment_at_a_flush_has_one_image_and_others_four(self):
        at_flush, open_epoch = (cuts_at(self.entries, arrived, random.Random(1))
                                for arrived in (6, 8))
        self.assertEqual([cut.mode for cut in at_flush], ["flushed"])
        self.assertEqual([cut.mode for cut in open_epoch], ["none", "all", "some", "torn"])
        for cut in open_epoch:
            self.assertEqual(cut.flushed, 6)
            self.assertLessEqual(set(cut.kept), {6, 7})
            if cut.torn:
                self.assertNotIn(cut.torn[0], cut.kept)

    def test_only_what_lies_between_two_lengths_is_cut(self):
        first, last = self.entries[1].end, self.entries[5].end
        cuts = choose(self.entries, first, last, 10, random.Random(1))
        self.assertTrue(cuts)
        for cut in cuts:
            self.assertTrue(first < self.entries[cut.arrived - 1].end <= last)
        self.assertEqual([cut.arrived for cut in cuts], sorted(cut.arrived for cut in cuts))

    def test_epochs_are_what_was_written_from_flush_to_flush(self):
        self.assertEqual(epochs_of(self.entries, 0, self.entries[-1].end), [[0], [2, 3], [6, 7]])
        self.assertEqual(epochs_of(self.entries, self.entries[1].end, self.entries[6].end),
                         [[2, 3], [6]])

    def test_where_a_segment_begins_is_found_and_cut_behind(self):
        self.assertEqual(rotations(self.entries, self.log), [])
        with open(self.log, "r+b") as log:
            log.seek(self.entries[2].at)
            log.write(b"TSEG")
        self.assertEqual(rotations(self.entries, self.log), [2])
        cuts = choose(self.entries, 0, self.entries[-1].end, 40, random.Random(1), [2])
        self.assertIn(8, {cut.arrived for cut in cuts})

    def test_a_disk_that_was_never_flushed_is_cut_too(self):
        entries = [entry for entry in self.entries if entry.kind != FLUSH]
        cuts = choose(entries, 0, self.entries[-1].end, 4, random.Random(1))
        self.assertEqual({cut.flushed for cut in cuts}, {0})


if __name__ == "__main__":
    unittest.main()
