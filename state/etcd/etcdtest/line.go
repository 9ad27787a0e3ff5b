package etcdtest

import (
	"io"
	"net"
	"sync"
)

// Line is a line to a member that can be cut.
type Line struct {
	to       string
	listener net.Listener
	mu       sync.Mutex
	down     bool
	budget   int // bytes towards the server until the line is cut; negative: no limit
	repair   int // bytes of the next life of the line after such a cut; 0: it stays cut
	cuts     int
	conns    map[net.Conn]bool
}

// NewLine returns a line to an address such as 127.0.0.1:2379, until the test cleans up.
func NewLine(to string, cleanup func(func())) (*Line, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Line{to: to, listener: l, budget: -1, conns: map[net.Conn]bool{}}
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
	cleanup(func() {
		_ = l.Close()
		p.Cut()
		running.Wait()
	})
	return p, nil
}

// Address is where the line begins.
func (p *Line) Address() string { return p.listener.Addr().String() }

// Cut ends what is connected and refuses what would connect.
func (p *Line) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	p.drop()
}

// Cuts is how often the line was cut by itself.
func (p *Line) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

func (p *Line) drop() {
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

// Mend lets everything through again.
func (p *Line) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down, p.budget = false, -1
}

// CutAfter lets so many bytes more through to the server; what is cut comes back for repair bytes if those are not 0.
func (p *Line) CutAfter(bytes, repair int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget, p.repair = bytes, repair
}

// spend takes n bytes off the budget and returns how many of them still pass.
func (p *Line) spend(n int) int {
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

func (p *Line) carry(c net.Conn) {
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
