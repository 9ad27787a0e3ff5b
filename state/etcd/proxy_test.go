package etcd_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// proxy is a line to a server that can be cut.
type proxy struct {
	to       string
	listener net.Listener
	mu       sync.Mutex
	down     bool
	budget   int // bytes towards the server until the line is cut; negative: no limit
	repair   int // bytes of the next life of the line after such a cut; 0: it stays cut
	cuts     int
	conns    map[net.Conn]bool
}

func newProxy(t testing.TB, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{to: to, listener: l, budget: -1, conns: map[net.Conn]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.carry(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		running.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// cut ends what is connected and refuses what would connect.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	p.drop()
}

func (p *proxy) drop() {
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down, p.budget = false, -1
}

// cutAfter lets so many bytes more through to the server; what is cut comes back for repair bytes if those are not 0.
func (p *proxy) cutAfter(bytes, repair int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget, p.repair = bytes, repair
}

// spend takes n bytes off the budget and returns how many of them still pass.
func (p *proxy) spend(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.down:
		return 0
	case p.budget < 0:
		return n
	case p.budget >= n:
		p.budget -= n
		return n
	}
	pass := p.budget
	p.cuts++
	p.drop()
	if p.budget = p.repair; p.repair == 0 {
		p.down = true
	}
	return pass
}

func (p *proxy) carry(c net.Conn) {
	defer c.Close()
	s, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer s.Close()
	p.mu.Lock()
	if p.down {
		p.mu.Unlock()
		return
	}
	p.conns[c] = true // the server's side ends with it
	p.mu.Unlock()
	go func() {
		_, _ = io.Copy(c, s)
		_ = c.Close()
	}()
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		pass := p.spend(n)
		if _, writeErr := s.Write(buf[:pass]); err != nil || writeErr != nil || pass < n {
			return
		}
	}
}
