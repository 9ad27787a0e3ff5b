package ringcentral

// turns is the order in which the clients of one credential come to a lane. The one that has gone without a place for
// longest is next; how many of its requests wait does not matter. A client that did not wait is owed nothing for it.
type turns struct {
	waiting map[any]int    // requests that wait, by client
	last    map[any]uint64 // the number of each client's last place
	number  uint64
}

// join puts a request of the client into the queue.
func (t *turns) join(client any) {
	if client == nil {
		return
	}
	if t.waiting == nil {
		t.waiting, t.last = map[any]int{}, map[any]uint64{}
	}
	t.waiting[client]++
}

// leave takes a request out again, whether it got a place or gave up.
func (t *turns) leave(client any) {
	if client == nil {
		return
	}
	if t.waiting[client]--; t.waiting[client] == 0 {
		delete(t.waiting, client)
	}
}

// next reports whether nobody else who waits has gone without for longer.
func (t *turns) next(client any) bool {
	if client == nil {
		return true
	}
	mine := t.last[client]
	for other := range t.waiting {
		if t.last[other] < mine {
			return false
		}
	}
	return true
}

// took notes that the client got a place.
func (t *turns) took(client any) {
	if client != nil {
		t.number++
		t.last[client] = t.number
	}
}
