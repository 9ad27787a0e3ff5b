package state_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ringsync/connectors"
	"ringsync/state"
	"ringsync/state/bolt"
	"ringsync/state/statetest"
)

var (
	contoso    = state.Identity{Tenant: "8f0c1c2e-7a52-4c8e-9d7e-1f0a6b3c2d11", App: "4d1e", Target: "https://platform.ringcentral.com/scim/v2"}
	attributes = statetest.Attributes[:]
	byUserName = []string{"userName"}
)

func bound(t *testing.T, db state.DB) *state.Store {
	t.Helper()
	s := state.New(db)
	if err := s.Bind(t.Context(), contoso, attributes, byUserName); err != nil {
		t.Fatal(err)
	}
	return s
}

func view(t *testing.T, s *state.Store, fn func(*state.View)) {
	t.Helper()
	if err := s.View(t.Context(), func(v *state.View) error { fn(v); return nil }); err != nil {
		t.Fatal(err)
	}
}

func update(t *testing.T, s *state.Store, fn func(*state.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// named returns a person who wants that user name.
func named(id, userName string) *state.Person {
	p := &state.Person{ID: id, Scope: state.InScope}
	p.Set("userName").Want = connectors.StringValue(userName)
	return p
}

// writes counts what reaches a store.
type writes struct {
	state.DB
	n int
}

func (w *writes) Update(ctx context.Context, fn func(state.Writer) error) error {
	return w.DB.Update(ctx, func(inner state.Writer) error { return fn(countingWriter{inner, &w.n}) })
}

type countingWriter struct {
	state.Writer
	n *int
}

func (w countingWriter) Put(space state.Space, key, value []byte) error {
	*w.n++
	return w.Writer.Put(space, key, value)
}

func (w countingWriter) Delete(space state.Space, key []byte) error {
	*w.n++
	return w.Writer.Delete(space, key)
}

func TestBind(t *testing.T) {
	db := &writes{DB: state.NewOverlay(nil)}
	s := state.New(db)
	if _, found, err := s.Peek(t.Context()); found || err != nil {
		t.Errorf("an empty state belongs to somebody: %t, %v", found, err)
	}
	for _, err := range []error{
		s.View(t.Context(), func(*state.View) error { return nil }),
		s.Update(t.Context(), func(*state.Tx) error { return nil }),
	} {
		if !errors.Is(err, state.ErrUnbound) {
			t.Errorf("before Bind: %v, want ErrUnbound", err)
		}
	}
	s = bound(t, db)
	if err := s.Belongs(t.Context(), contoso); err != nil {
		t.Errorf("Belongs = %v", err)
	}
	if id, found, err := s.Peek(t.Context()); id != contoso || !found || err != nil {
		t.Errorf("Peek = %+v, %t, %v", id, found, err)
	}
	db.n = 0
	upper := contoso
	upper.Tenant = strings.ToUpper(upper.Tenant)
	if err := state.New(db).Bind(t.Context(), upper, attributes, byUserName); err != nil || db.n != 0 {
		t.Errorf("binding again: %v, %d writes", err, db.n)
	}

	other := contoso
	other.App, other.Target = "beef", "https://platform.devtest.ringcentral.com/scim/v2"
	err := state.New(db).Bind(t.Context(), other, attributes, byUserName)
	if other := s.Belongs(t.Context(), state.Identity{Tenant: contoso.Tenant, App: "beef", Target: contoso.Target}); other == nil {
		t.Error("another app's state is taken for ours")
	}
	mismatch, ok := errors.AsType[*state.MismatchError](err)
	if !ok || mismatch.Has != contoso || mismatch.Asked != other {
		t.Fatalf("another app: %v, want a *MismatchError", err)
	}
	const want = "the state belongs to app 4d1e, target https://platform.ringcentral.com/scim/v2, " +
		"not to app beef, target https://platform.devtest.ringcentral.com/scim/v2: give this job another state.path"
	if err.Error() != want || db.n != 0 {
		t.Errorf("the error is\n%v\nwant\n%s\n%d writes", err, want, db.n)
	}
	for part, change := range map[string]func(*state.Identity){
		"tenant": func(id *state.Identity) { id.Tenant = "beef" },
		"app":    func(id *state.Identity) { id.App = "beef" },
		"target": func(id *state.Identity) { id.Target = "beef" },
	} {
		other := contoso
		change(&other)
		err := state.New(db).Bind(t.Context(), other, attributes, byUserName)
		if _, ok := errors.AsType[*state.MismatchError](err); !ok || !strings.Contains(err.Error(), "not to "+part+" beef") || db.n != 0 {
			t.Errorf("another %s: %v, %d writes", part, err, db.n)
		}
	}
}

func TestBindNewerSchema(t *testing.T) {
	db := state.NewOverlay(nil)
	if err := db.Update(t.Context(), func(w state.Writer) error {
		return errors.Join(w.Put(state.SpaceMeta, []byte("identity"), []byte(`{"schema": 2, "tenant": {}}`)),
			w.Put(state.SpaceMeta, []byte("attributes"), []byte(`{}`)))
	}); err != nil {
		t.Fatal(err)
	}
	err := state.New(db).Bind(t.Context(), contoso, attributes, byUserName)
	if _, ok := errors.AsType[*state.DamagedError](err); !ok {
		t.Errorf("an identity of another shape: %v, want a *DamagedError", err)
	}
	if err := db.Update(t.Context(), func(w state.Writer) error {
		return w.Put(state.SpaceMeta, []byte("identity"), []byte(`{"schema": 2}`))
	}); err != nil {
		t.Fatal(err)
	}
	err = state.New(db).Bind(t.Context(), contoso, attributes, byUserName)
	if schema, ok := errors.AsType[*state.SchemaError](err); !ok || schema.Has != 2 {
		t.Errorf("a newer schema: %v, want a *SchemaError", err)
	}
}

func TestBindAddsAttributes(t *testing.T) {
	db := state.NewOverlay(nil)
	s := state.New(db)
	if err := s.Bind(t.Context(), contoso, []string{"userName", "title"}, byUserName); err != nil {
		t.Fatal(err)
	}
	p := named("a", "adele@contoso.com")
	p.Set("title").Want = connectors.StringValue("Director")
	p.Set("nickName").Want = connectors.StringValue("Del") // in no dictionary
	update(t, s, func(tx *state.Tx) error { return tx.PutPerson(p) })
	// A mapping that lost title and gained others, in another order.
	s = state.New(db)
	if err := s.Bind(t.Context(), contoso, []string{"nickName", "active", "userName"}, byUserName); err != nil {
		t.Fatal(err)
	}
	view(t, s, func(v *state.View) {
		got, err := v.Person("a")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range p.Attributes {
			if b := got.Attribute(a.Name); b == nil || !b.Want.Equal(a.Want) {
				t.Errorf("%s = %v, want %v", a.Name, b, a.Want)
			}
		}
	})
}

// More people than one transaction of a rebuild takes, so that it can be interrupted between two.
func TestBindRebuildsMatches(t *testing.T) {
	const people = 2500
	db := state.NewOverlay(nil)
	s := bound(t, db)
	update(t, s, func(tx *state.Tx) error {
		for n := range people {
			if err := tx.PutPerson(statetest.Person(n)); err != nil {
				return err
			}
		}
		return nil
	})
	someone := statetest.Person(people - 1)
	mail := strings.ToUpper(someone.UserPrincipalName)
	for updates := 0; ; updates++ {
		s = state.New(db)
		limited := &failing{DB: db, left: updates}
		err := state.New(limited).Bind(t.Context(), contoso, attributes, []string{"externalId", "userName"})
		if err == nil {
			if updates < 5 {
				t.Errorf("the rebuild took %d transactions: it was not bounded", updates)
			}
			break
		}
		if !errors.Is(err, errFull) {
			t.Fatal(err)
		}
	}
	if err := s.Bind(t.Context(), contoso, attributes, []string{"userName", "externalId"}); err != nil {
		t.Fatal(err)
	}
	view(t, s, func(v *state.View) {
		for attribute, value := range map[string]string{"userName": mail, "externalId": someone.ID} {
			if got := v.Matches(attribute, value); !slices.Equal(got, []string{someone.ID}) {
				t.Errorf("%s %s: %v, want %s", attribute, value, got, someone.ID)
			}
		}
	})
	if err := s.View(t.Context(), func(v *state.View) error { v.Matches("title", "x"); return nil }); err == nil {
		t.Error("an attribute that is not matched by looks like one that nobody has")
	}
	if err := s.Bind(t.Context(), contoso, attributes, []string{"externalId"}); err != nil {
		t.Fatal(err)
	}
	if err := db.View(t.Context(), func(r state.Reader) error {
		if n := len(statetest.Pairs(r, state.SpaceByMatch, nil, nil)); n != people {
			t.Errorf("the index has %d keys for %d people with one matching attribute", n, people)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

var errFull = errors.New("no space left")

// failing refuses every Update after some.
type failing struct {
	state.DB
	left int
}

func (f *failing) Update(ctx context.Context, fn func(state.Writer) error) error {
	if f.left == 0 {
		return errFull
	}
	f.left--
	return f.DB.Update(ctx, fn)
}

func TestPersonSurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "contoso.db")
	db, err := bolt.Open(path, bolt.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	s := bound(t, db)
	want := statetest.Person(1)
	update(t, s, func(tx *state.Tx) error { return tx.PutPerson(want) })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	read, err := bolt.Open(path, bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	s = bound(t, read) // nothing is new, so nothing has to be written
	view(t, s, func(v *state.View) {
		got, err := v.Person(want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.UserPrincipalName != want.UserPrincipalName || got.TargetID != want.TargetID ||
			!got.LastWrite.Equal(want.LastWrite) || len(got.Attributes) != len(want.Attributes) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
	if err := s.Update(t.Context(), func(tx *state.Tx) error { return tx.DeletePerson(want.ID) }); !errors.Is(err, state.ErrReadOnly) {
		t.Errorf("an update of a file open for reading: %v, want ErrReadOnly", err)
	}
	// A dry run works on top of it, and may even bring new attributes.
	over := state.New(state.NewOverlay(read))
	if err := over.Bind(t.Context(), contoso, []string{"nickName"}, byUserName); err != nil {
		t.Fatal(err)
	}
	update(t, over, func(tx *state.Tx) error { return tx.DeletePerson(want.ID) })
	view(t, over, func(v *state.View) {
		if c := v.Counts(); c.People != 0 {
			t.Errorf("%d people are left in the dry run", c.People)
		}
	})
	view(t, s, func(v *state.View) {
		if c := v.Counts(); c.People != 1 {
			t.Errorf("%d people are left in the file", c.People)
		}
	})
}

func TestPutPersonWritesOnlyChanges(t *testing.T) {
	db := &writes{DB: state.NewOverlay(nil)}
	s := bound(t, db)
	p := statetest.Person(1)
	update(t, s, func(tx *state.Tx) error { return tx.PutPerson(p) })
	db.n = 0
	update(t, s, func(tx *state.Tx) error { return tx.PutPerson(statetest.Person(1)) })
	if db.n != 0 {
		t.Errorf("storing the same again took %d writes", db.n)
	}
	p.Generation++
	update(t, s, func(tx *state.Tx) error { return tx.PutPerson(p) })
	if db.n != 1 {
		t.Errorf("a new generation took %d writes, want one", db.n)
	}
}

func TestPutPersonRefusesASecondLink(t *testing.T) {
	s := bound(t, state.NewOverlay(nil))
	a, b := named("a", "a@contoso.com"), named("b", "b@contoso.com")
	a.TargetID, b.TargetID = "17", "17"
	update(t, s, func(tx *state.Tx) error { return tx.PutPerson(a) })
	update(t, s, func(tx *state.Tx) error {
		err := tx.PutPerson(b)
		if linked, ok := errors.AsType[*state.LinkedError](err); !ok || *linked != (state.LinkedError{TargetID: "17", Person: "b", Holder: "a"}) {
			t.Errorf("a second link: %v, want a *LinkedError", err)
		}
		return nil // the transaction goes on without b
	})
	view(t, s, func(v *state.View) {
		if p, err := v.Person("b"); p != nil || err != nil {
			t.Errorf("b was stored: %+v, %v", p, err)
		}
		if ids := v.Matches("userName", "b@contoso.com"); len(ids) != 0 {
			t.Errorf("b is found by user name: %v", ids)
		}
	})
	// The link moves once the first is gone, in one transaction too.
	update(t, s, func(tx *state.Tx) error {
		a.TargetID = ""
		return errors.Join(tx.PutPerson(a), tx.PutPerson(b))
	})
	view(t, s, func(v *state.View) {
		if id := v.PersonByTarget("17"); id != "b" {
			t.Errorf("17 is linked to %q, want b", id)
		}
	})
}

func TestMatchesLongValues(t *testing.T) {
	s := bound(t, state.NewOverlay(nil))
	long := strings.Repeat("Ä", 5000)
	update(t, s, func(tx *state.Tx) error {
		return errors.Join(tx.PutPerson(named("a", long+"1")), tx.PutPerson(named("b", long+"2")))
	})
	view(t, s, func(v *state.View) {
		if got := v.Matches("userName", strings.ToLower(long)+"2"); !slices.Equal(got, []string{"b"}) {
			t.Errorf("got %v, want b", got)
		}
	})
}

// What cannot be read names itself, harms only itself where an answer can carry an error, and else the transaction.
func TestDamage(t *testing.T) {
	db := state.NewOverlay(nil)
	s := bound(t, db)
	update(t, s, func(tx *state.Tx) error {
		for _, id := range []string{"a", "b", "c"} {
			p := named(id, id+"@contoso.com")
			p.TargetID, p.Class = "target of "+id, state.ClassUpdate
			if err := tx.PutPerson(p); err != nil {
				return err
			}
		}
		return errors.Join(tx.PutEdge(connectors.Edge{Parent: "g", Child: "a"}), tx.AddRemoval("a", time.Unix(9, 0)),
			tx.AppendLog(&state.LogEntry{}), tx.AppendLog(&state.LogEntry{Code: "good"}), tx.PutCycle(&state.Cycle{}),
			tx.SetMark(state.Mark{}), tx.Set("pause", true))
	})
	// The first key of every space gets a value that means nothing, and an unreadable key comes after the last.
	if err := db.Update(t.Context(), func(w state.Writer) error {
		for _, space := range state.Spaces {
			for _, pair := range statetest.Pairs(w, space, nil, nil) {
				if space != state.SpaceMeta || pair[0] == "counters" || pair[0] == "mark" || pair[0] == "job/pause" {
					if err := w.Put(space, []byte(pair[0]), []byte("\xff{")); err != nil {
						return err
					}
				}
				if space != state.SpaceMeta {
					break
				}
			}
			if err := w.Put(space, []byte{0xFF, 0xFF}, nil); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for name, fn := range map[string]func(*state.View){
		"PersonByTarget": func(v *state.View) { v.PersonByTarget("target of a") },
		"Counts":         func(v *state.View) { v.Counts() },
		"Outbox":         func(v *state.View) { _ = slices.Collect(v.Outbox()) },
		"Edges":          func(v *state.View) { _ = slices.Collect(v.Edges("g")) },
		"AllEdges":       func(v *state.View) { _ = slices.Collect(v.AllEdges()) },
		"Mark":           func(v *state.View) { v.Mark() },
		"Removed":        func(v *state.View) { v.Removed(time.Unix(0, 0)) },
		"Cycles":         func(v *state.View) { v.Cycles(9) },
	} {
		err := s.View(t.Context(), func(v *state.View) error { fn(v); return nil })
		if _, ok := errors.AsType[*state.DamagedError](err); !ok {
			t.Errorf("%s: %v, want a *DamagedError", name, err)
		}
		err = s.Update(t.Context(), func(tx *state.Tx) error {
			fn(tx.View)
			return tx.Set("written", name)
		})
		if _, ok := errors.AsType[*state.DamagedError](err); !ok {
			t.Errorf("%s in an Update: %v, want a *DamagedError", name, err)
		}
	}
	view(t, s, func(v *state.View) {
		if _, err := v.Person("a"); err == nil || !strings.HasPrefix(err.Error(), "the record of person a is damaged: it is of version 255") {
			t.Errorf("a: %v", err)
		}
		var pause bool
		if _, err := v.Get("pause", &pause); err == nil {
			t.Error("a small record that means nothing was read")
		}
		var good, bad int
		for p, err := range v.People("") {
			if err != nil {
				bad++
			} else if p.ID != "" {
				good++
			}
		}
		if good != 2 || bad != 2 {
			t.Errorf("%d people and %d errors, want 2 and 2", good, bad)
		}
		good, bad = 0, 0
		for _, err := range v.Log(0) {
			if err != nil {
				bad++
			} else {
				good++
			}
		}
		if good != 1 || bad != 2 {
			t.Errorf("%d log entries and %d errors, want 1 and 2", good, bad)
		}
	})
}
