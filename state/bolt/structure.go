package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"ringsync/state"
)

// The checksums of records say that each of them is as it was written, not that it is one of now: a bit that turns in the
// pages above them leads to a page of before, whose records are whole, or cuts some off. bbolt writes each commit to pages
// that nobody uses and notes in the file which those are, so every page is either found once from the root or on that list;
// and it packs what a page holds without a gap. Whatever turns up breaks one of the two, and the list itself is held
// against the pages, or what is in use would be written over.
//
// bbolt's own Tx.Check does not see what was cut off within a page, and ends the program where a page points out of the
// file.

// The layout of bbolt's pages (its file format, version 2), in the byte order of the machine.
const (
	headerSize  = 16 // id 8, flags 2, count 2, overflow 4
	elementSize = 16 // branch: pos 4, ksize 4, page 8; leaf: flags 4, pos 4, ksize 4, vsize 4
	bucketSize  = 16 // root 8, sequence 8
	metaSize    = 64 // magic 4, version 4, page size 4, flags 4, root 16, freelist 8, end 8, txid 8, checksum 8

	branchPage, leafPage, freePage = 0x01, 0x02, 0x10
	bucketElement                  = 0x01
	manyFree                       = 0xFFFF // so the list begins with its length
)

var order = binary.NativeEndian

// structure is a file that is being walked through.
type structure struct {
	file     io.ReaderAt
	pageSize int
	end      uint64 // no page from here on is in use
	found    []bool
	spare    [][]byte // of one page each, used again
}

// checkStructure walks from the root to every page, reading of each no more than its elements. The error is a
// *state.DamagedError if a page is not where, or as, bbolt would have left it.
func (db *DB) checkStructure() error {
	return db.view(func(tx *transaction) error {
		s := structure{file: tx.of.file, pageSize: tx.of.bolt.Info().PageSize}
		if err := s.check(uint64(tx.ID())); err != nil {
			return db.damaged(err)
		}
		return nil
	})
}

func (s *structure) check(txid uint64) error {
	root, free, err := s.meta(txid)
	if err != nil {
		return err
	}
	s.found = make([]bool, s.end)
	s.found[0], s.found[1] = true, true
	if err := s.walk(root, false); err != nil {
		return err
	}
	if err := s.free(free); err != nil {
		return err
	}
	for id, found := range s.found {
		if !found {
			return fmt.Errorf("page %d is neither in use nor free: what led to it is gone", id)
		}
	}
	return nil
}

// meta returns the page of the root bucket and that of the list of free pages, as the commit of that number noted them.
// bbolt has compared its checksum.
func (s *structure) meta(txid uint64) (root, free uint64, err error) {
	for id := range uint64(2) {
		m := make([]byte, headerSize+metaSize)
		if _, err := s.file.ReadAt(m, int64(id)*int64(s.pageSize)); err != nil {
			return 0, 0, err
		}
		if m = m[headerSize:]; order.Uint64(m[48:]) == txid {
			root, free, s.end = order.Uint64(m[16:]), order.Uint64(m[32:]), order.Uint64(m[40:])
			if s.end < 2 || s.end > 1<<40 {
				return 0, 0, fmt.Errorf("it says that it has %d pages", s.end)
			}
			return root, free, nil
		}
	}
	return 0, 0, errors.New("the note of its last commit cannot be found")
}

// page is the beginning of a page: its header and its elements.
type page struct {
	id, flags, count uint64
	bytes            []byte
	pages            uint64 // that it takes
}

// read reads a page that something leads to, which nothing else may.
func (s *structure) read(id uint64) (p page, err error) {
	if id < 2 || id >= s.end {
		return p, fmt.Errorf("a page leads to page %d of %d", id, s.end)
	}
	if n := len(s.spare); n > 0 {
		p.bytes, s.spare = s.spare[n-1], s.spare[:n-1]
	} else {
		p.bytes = make([]byte, s.pageSize)
	}
	if _, err := s.file.ReadAt(p.bytes, int64(id)*int64(s.pageSize)); err != nil {
		return p, err
	}
	p.id, p.flags, p.count = id, uint64(order.Uint16(p.bytes[8:])), uint64(order.Uint16(p.bytes[10:]))
	p.pages = uint64(order.Uint32(p.bytes[12:])) + 1
	if said := order.Uint64(p.bytes); said != id || p.pages > s.end-id {
		return p, fmt.Errorf("page %d says that it is page %d, of %d", id, said, p.pages)
	}
	for n := range p.pages {
		if s.found[id+n] {
			return p, fmt.Errorf("page %d is in use twice, or free and in use", id+n)
		}
		s.found[id+n] = true
	}
	return p, nil
}

// more has the page hold so many bytes at least.
func (s *structure) more(p *page, size uint64) error {
	if size > p.pages*uint64(s.pageSize) {
		return fmt.Errorf("page %d holds more than fits into it", p.id)
	}
	if size <= uint64(len(p.bytes)) {
		return nil
	}
	p.bytes = make([]byte, size)
	_, err := s.file.ReadAt(p.bytes, int64(p.id)*int64(s.pageSize))
	return err
}

// walk goes through a page and those below it. In the pages of a space no element is a bucket, in those of the root all
// are.
func (s *structure) walk(id uint64, inSpace bool) error {
	p, err := s.read(id)
	first := p.bytes
	if err == nil {
		err = s.more(&p, headerSize+p.count*elementSize)
	}
	if err != nil {
		return err
	}
	size := uint64(headerSize) + p.count*elementSize
	switch {
	case p.flags == branchPage && p.count > 0:
		for n := range p.count {
			e := p.bytes[headerSize+n*elementSize:]
			if at := headerSize + n*elementSize + uint64(order.Uint32(e)); at != size {
				return p.loose(n)
			}
			size += uint64(order.Uint32(e[4:]))
			if err := s.walk(order.Uint64(e[8:]), inSpace); err != nil {
				return err
			}
		}
	case p.flags == leafPage:
		if size, err = s.leaf(&p, inSpace); err != nil {
			return err
		}
	default:
		return fmt.Errorf("page %d is of no kind that belongs there (flags %#x, %d elements)", id, p.flags, p.count)
	}
	s.spare = append(s.spare, first)
	if taken := (size + uint64(s.pageSize) - 1) / uint64(s.pageSize); taken != p.pages {
		return fmt.Errorf("page %d takes %d pages and needs %d", id, p.pages, taken)
	}
	return nil
}

func (p *page) loose(n uint64) error {
	return fmt.Errorf("page %d: its element %d is not where the one before it ends", p.id, n)
}

// leaf goes through the elements of a leaf, and the buckets that they are, and returns where they end.
func (s *structure) leaf(p *page, inSpace bool) (size uint64, err error) {
	size = headerSize + p.count*elementSize
	for n := range p.count {
		e := p.bytes[headerSize+n*elementSize:]
		flags, at := order.Uint32(e), headerSize+n*elementSize+uint64(order.Uint32(e[4:]))
		key, value := uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
		if at != size {
			return 0, p.loose(n)
		}
		if isBucket := flags == bucketElement; flags&^bucketElement != 0 || isBucket == inSpace {
			return 0, fmt.Errorf("page %d: its element %d is of no kind that belongs there (flags %#x)", p.id, n, flags)
		}
		size += key + value
		if inSpace {
			continue
		}
		if err := s.more(p, size); err != nil {
			return 0, err
		}
		if err := s.bucket(p.bytes[at+key : at+key+value]); err != nil {
			return 0, err
		}
	}
	return size, nil
}

// bucket goes through a bucket: its page, or what stands in place of that if it is small.
func (s *structure) bucket(b []byte) error {
	if len(b) < bucketSize {
		return errors.New("a bucket is cut off")
	}
	if root := order.Uint64(b); root != 0 {
		if len(b) != bucketSize {
			return errors.New("a bucket has a page and is none")
		}
		return s.walk(root, true)
	}
	if b = b[bucketSize:]; len(b) < headerSize {
		return errors.New("a small bucket has nothing to stand in")
	}
	p := page{flags: uint64(order.Uint16(b[8:])), count: uint64(order.Uint16(b[10:])), bytes: b, pages: 1}
	if p.flags != leafPage || headerSize+p.count*elementSize > uint64(len(b)) {
		return errors.New("a small bucket is no leaf, or cut off")
	}
	size, err := s.leaf(&p, true)
	if err == nil && size != uint64(len(b)) {
		err = fmt.Errorf("a small bucket takes %d bytes and needs %d", len(b), size)
	}
	return err
}

// free goes through the list of free pages.
func (s *structure) free(id uint64) error {
	p, err := s.read(id)
	if err != nil {
		return err
	}
	if p.flags != freePage {
		return fmt.Errorf("page %d is no list of free pages (flags %#x)", id, p.flags)
	}
	begin := uint64(headerSize)
	if p.count == manyFree {
		p.count = order.Uint64(p.bytes[headerSize:])
		begin += 8
	}
	if p.count > s.end {
		return fmt.Errorf("%d pages are said to be free, of %d", p.count, s.end)
	}
	if err := s.more(&p, begin+p.count*8); err != nil {
		return err
	}
	for n := range p.count {
		switch id := order.Uint64(p.bytes[begin+n*8:]); {
		case id < 2 || id >= s.end:
			return fmt.Errorf("page %d of %d is said to be free", id, s.end)
		case s.found[id]:
			return fmt.Errorf("page %d is in use twice, or free and in use", id)
		default:
			s.found[id] = true
		}
	}
	return nil
}

// known reports whether a bucket is one of ours.
func known(name []byte) bool {
	for _, space := range state.Spaces {
		if len(name) == 1 && name[0] == byte(space) {
			return true
		}
	}
	return string(name) == string(sumsBucket)
}
