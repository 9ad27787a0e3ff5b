package state

import (
	"bytes"
	"context"
	"iter"
	"sync/atomic"

	"github.com/tidwall/btree"
)

// Viewer is the half of a DB that cannot change it.
type Viewer interface {
	View(ctx context.Context, fn func(Reader) error) error
}

// Overlay is a DB in memory over a base that it only reads. The base's type has no method that writes, so nothing put
// here can reach it.
type Overlay struct {
	base      Viewer
	committed atomic.Pointer[layer] // what Views see; never touched again
	turn      chan struct{}         // holds the one Update at a time
	work      layer                 // the same for whoever has the turn, who copies it
	closed    atomic.Bool
}

// layer holds the changes, a tree for each space in the order of Spaces.
type layer [len(Spaces)]*btree.BTreeG[change]

type change struct {
	key, value []byte
	deleted    bool
}

func newTree() *btree.BTreeG[change] {
	return btree.NewBTreeGOptions(func(a, b change) bool { return bytes.Compare(a.key, b.key) < 0 },
		btree.Options{NoLocks: true})
}

// fork returns a layer with the same content that can be changed apart from l. It takes no time that depends on the
// content, and must not run beside anything else on l.
func (l *layer) fork() *layer {
	var f layer
	for i, tree := range l {
		f[i] = tree.Copy()
	}
	return &f
}

// NewOverlay returns an Overlay that holds its changes in memory and shows what base holds where there are none; base nil is
// empty. A dry run works on one. Base must not change as long as the overlay is in use, and is not closed with it.
func NewOverlay(base Viewer) *Overlay {
	o := &Overlay{base: base, turn: make(chan struct{}, 1)}
	for i := range o.work {
		o.work[i] = newTree()
	}
	o.committed.Store(o.work.fork())
	return o
}

// Change is one key that an Overlay has put or deleted.
type Change struct {
	Space      Space
	Key, Value []byte
	Deleted    bool
}

// Changes yields what the Overlay holds beside its base, space by space in the order of the keys: everything that
// would have to be done to the base. What is yielded is not to be changed.
func (o *Overlay) Changes() iter.Seq[Change] {
	changed := o.committed.Load()
	return func(yield func(Change) bool) {
		for i, tree := range changed {
			for more, it := true, tree.Iter(); more && it.Next(); {
				c := it.Item()
				more = yield(Change{Spaces[i], c.key, c.value, c.deleted})
			}
		}
	}
}

// Fork returns an Overlay of its own with the same content, over the same base, in a time that does not depend on the
// content.
func (o *Overlay) Fork() *Overlay {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	f := &Overlay{base: o.base, turn: make(chan struct{}, 1), work: *o.work.fork()}
	f.committed.Store(f.work.fork())
	return f
}

// View meets DB.
func (o *Overlay) View(ctx context.Context, fn func(Reader) error) error {
	if o.closed.Load() {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return o.over(ctx, o.committed.Load(), func(t *overlayTx) error { return fn(t) })
}

// Update meets DB.
func (o *Overlay) Update(ctx context.Context, fn func(Writer) error) error {
	select {
	case o.turn <- struct{}{}:
		defer func() { <-o.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if o.closed.Load() {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	changed := o.work.fork()
	if err := o.over(ctx, changed, func(t *overlayTx) error { return fn(t) }); err != nil {
		return err
	}
	o.work = *changed
	o.committed.Store(o.work.fork())
	return nil
}

// over runs fn on the layer over the base as it is.
func (o *Overlay) over(ctx context.Context, l *layer, fn func(*overlayTx) error) error {
	if o.base == nil {
		return fn(&overlayTx{layer: l})
	}
	return o.base.View(ctx, func(r Reader) error { return fn(&overlayTx{layer: l, base: r}) })
}

// Close meets DB. It leaves the base open.
func (o *Overlay) Close() error {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	o.closed.Store(true)
	return nil
}

type overlayTx struct {
	layer *layer
	base  Reader // nil if there is none
}

func (t *overlayTx) tree(space Space) *btree.BTreeG[change] { return t.layer[space-Spaces[0]] }

func (t *overlayTx) Get(space Space, key []byte) []byte {
	if c, ok := t.tree(space).Get(change{key: key}); ok {
		return c.value // nil if deleted
	}
	if t.base == nil {
		return nil
	}
	return t.base.Get(space, key)
}

func (t *overlayTx) Put(space Space, key, value []byte) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	t.tree(space).Set(change{key: bytes.Clone(key), value: append([]byte{}, value...)})
	return nil
}

func (t *overlayTx) Delete(space Space, key []byte) error {
	switch {
	case t.base != nil && t.base.Get(space, key) != nil:
		t.tree(space).Set(change{key: bytes.Clone(key), deleted: true})
	default:
		t.tree(space).Delete(change{key: key})
	}
	return nil
}

// Scan walks the base and the changes side by side; of one key's two, the change counts.
func (t *overlayTx) Scan(space Space, from, before []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		changes := t.tree(space).Iter()
		defer changes.Release()
		more := changes.Seek(change{key: from})
		// upTo yields the changes before key, nil for all, and reports whether to go on.
		upTo := func(key []byte) bool {
			for ; more; more = changes.Next() {
				c := changes.Item()
				if key != nil && bytes.Compare(c.key, key) >= 0 {
					return true
				}
				if !c.deleted && !yield(c.key, c.value) {
					return false
				}
			}
			return true
		}
		if t.base != nil {
			for key, value := range t.base.Scan(space, from, before) {
				if !upTo(key) {
					return
				}
				if more && bytes.Equal(changes.Item().key, key) {
					continue // upTo yields it before the next key
				}
				if !yield(key, value) {
					return
				}
			}
		}
		upTo(before)
	}
}
