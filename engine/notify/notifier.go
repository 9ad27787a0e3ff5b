package notify

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ringsync/engine"
	"ringsync/state"
)

// Channel is one recipient.
type Channel interface {
	// Name tells it from the others of the job, over restarts too.
	Name() string
	// Send delivers the message, or says why not, in one line without secrets.
	Send(ctx context.Context, m Message) error
}

// Options say which job people hear of, and how they hear.
type Options struct {
	Job      *engine.Job
	Store    *state.Store // the job's
	Schedule engine.Schedule
	Channels []Channel
	// Command is how the program is called for this job: ringsync -c contoso.yaml.
	Command string
	// Credentials returns when credentials end, as far as that is known by now.
	Credentials func() []Expiry
	// Delivered, if given, hears how each attempt to send ended.
	Delivered func(channel string, err error)
	Logger    *slog.Logger // nil: no log
	Now       func() time.Time
}

// Notifier tells people about one job.
type Notifier struct {
	Options
	served     time.Time
	recipients []*recipient

	mu      sync.Mutex
	ledgers map[string]ledger // by channel
}

// recipient is a channel at work.
type recipient struct {
	Channel
	busy    atomic.Bool
	retries map[string]retry // by the condition's id; used only while busy
}

// retry is when a message that could not be delivered is tried again.
type retry struct {
	at   time.Time
	wait time.Duration
}

const (
	interval   = 5 * time.Second // between two looks at the job
	firstRetry = time.Minute     // and twice as long each time
	lastRetry  = time.Hour
	patience   = 30 * time.Second // for one delivery
)

// metaTold is where the ledgers are in the job's state.
const metaTold = "notified"

// New returns a notifier of a job that is being served from now on.
func New(ctx context.Context, o Options) (*Notifier, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	n := &Notifier{Options: o, served: o.Now()}
	kept := map[string]ledger{}
	err := o.Store.View(ctx, func(v *state.View) error {
		_, err := v.Get(metaTold, &kept)
		return err
	})
	if err != nil {
		return nil, err
	}
	n.ledgers = map[string]ledger{}
	for _, c := range o.Channels {
		n.recipients = append(n.recipients, &recipient{Channel: c, retries: map[string]retry{}})
		n.ledgers[c.Name()] = ledger{}
		maps.Copy(n.ledgers[c.Name()], kept[c.Name()])
	}
	return n, nil
}

// Run looks at the job every few seconds until ctx ends; not at all if there is nobody to tell. Nothing that goes wrong
// with it harms the job.
func (n *Notifier) Run(ctx context.Context) {
	if len(n.recipients) == 0 {
		return
	}
	var sending sync.WaitGroup
	defer sending.Wait()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		n.Look(ctx, &sending)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Look tells everybody, each on a goroutine of sending, what they do not know yet. Who is still busy with what was
// found before is left for the next time.
func (n *Notifier) Look(ctx context.Context, sending *sync.WaitGroup) {
	s, err := Stand(ctx, n.Options, n.served)
	if err != nil {
		if ctx.Err() == nil {
			n.Logger.Warn("notifications: look at the job", "job", n.Job.Name, "error", err)
		}
		return
	}
	conditions := s.conditions()
	for _, r := range n.recipients {
		if r.busy.CompareAndSwap(false, true) {
			sending.Go(func() {
				defer r.busy.Store(false)
				n.tell(ctx, r, conditions, s.Now)
			})
		}
	}
}

// Stand returns how the job of the options stands, which has been served since then.
func Stand(ctx context.Context, o Options, served time.Time) (Standing, error) {
	status, err := o.Job.Status(ctx)
	s := Standing{Now: o.Now(), Served: served, Status: status, Schedule: o.Schedule}
	if o.Credentials != nil {
		s.Credentials = o.Credentials()
	}
	return s, err
}

// tell brings one recipient up to date.
func (n *Notifier) tell(ctx context.Context, r *recipient, conditions []condition, now time.Time) {
	n.mu.Lock()
	known := n.ledgers[r.Name()]
	known.forget(now)
	known = maps.Clone(known)
	n.mu.Unlock()
	for i := range conditions {
		n.tellOne(ctx, r, conditions[i].id, &conditions[i], known[conditions[i].id], now)
		delete(known, conditions[i].id)
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		n.tellOne(ctx, r, id, nil, known[id], now)
	}
}

// tellOne sends what there is to say of one condition, nil if it does not hold, and notes it down.
func (n *Notifier) tellOne(ctx context.Context, r *recipient, id string, c *condition, t told, now time.Time) {
	event := t.next(c, now)
	if event == "" {
		delete(r.retries, id)
		return
	}
	if again := r.retries[id]; now.Before(again.at) && again.at.Sub(now) <= again.wait {
		return
	}
	m, err := n.message(ctx, id, event, c, t, now)
	if err == nil {
		err = n.send(ctx, r, m)
	}
	if ctx.Err() != nil && err != nil {
		return
	}
	log := n.Logger.With("job", n.Job.Name, "to", r.Name(), "about", id, "event", string(event))
	if err != nil {
		wait := min(max(2*r.retries[id].wait, firstRetry), lastRetry)
		r.retries[id] = retry{now.Add(wait), wait}
		log.Warn("message not delivered", "error", err, "again", wait)
		return
	}
	delete(r.retries, id)
	log.Info("message delivered")
	if err := n.keep(context.WithoutCancel(ctx), r.Name(), id, t.tell(c, now)); err != nil {
		log.Warn("message delivered, and not noted down: after a restart it is sent again", "error", err)
	}
}

func (n *Notifier) send(ctx context.Context, r *recipient, m Message) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := r.Send(limited, m)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = errors.Join(errSlow, err)
	}
	if n.Delivered != nil && ctx.Err() == nil {
		n.Delivered(r.Name(), err)
	}
	return err
}

// errSlow is why a delivery was given up.
var errSlow = errors.New("no answer within " + patience.String())

// keep notes down what a channel has been told, here in any case and in the state if that can be written.
func (n *Notifier) keep(ctx context.Context, channel, id string, t told) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ledgers[channel][id] = t
	return n.Store.Update(ctx, func(tx *state.Tx) error { return tx.Set(metaTold, n.ledgers) })
}
