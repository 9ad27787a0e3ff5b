package expr

import (
	"time"

	"ringsync/connectors"
	"ringsync/mapping/expr/datetime"
)

// The places of FormatDateTime's arguments.
const (
	formatSource = iota
	formatStyles
	formatInput
	formatOutput
)

// formatting is what of a FormatDateTime is constant; nil what is not.
type formatting struct {
	reader *datetime.Reader
	writer *datetime.Writer
}

// withStyles adds the styles that the older form of FormatDateTime, of three arguments, has no place for.
func withStyles(args []*Node) []*Node {
	if len(args) != formatOutput {
		return args
	}
	return []*Node{args[0], nil, args[1], args[2]}
}

// prepareFormat compiles constant formats. A text that says no year is read on the day of the evaluation.
func prepareFormat(c *compiler, k *call, n *Node) error {
	k.format = &formatting{}
	if output, ok := constantText(n, formatOutput); ok {
		w, err := datetime.NewWriter(output)
		if err != nil {
			return c.fail(n.Args[formatOutput], "outputFormat: %v", err)
		}
		k.format.writer = w
	}
	styles, fixed, err := c.styles(n)
	if err != nil {
		return err
	}
	input, ok := constantText(n, formatInput)
	if !ok || !fixed {
		c.clock = true
		return nil
	}
	r, err := datetime.NewReader(input, styles)
	if err != nil {
		return c.fail(n.Args[formatInput], "inputFormat: %v", err)
	}
	k.format.reader = r
	c.clock = c.clock || r.NeedsToday()
	return nil
}

// styles reads the argument if it is constant.
func (c *compiler) styles(n *Node) (s datetime.Styles, fixed bool, err error) {
	if n.Args[formatStyles] == nil {
		return datetime.DefaultStyles, true, nil
	}
	names, ok := constantText(n, formatStyles)
	if !ok {
		return 0, false, nil
	}
	if s, err = datetime.ParseStyles(names); err != nil {
		return 0, false, c.fail(n.Args[formatStyles], "dateTimeStyles: %v", err).
			near(connectors.Nearest(names, datetime.StyleNames()))
	}
	return s, true, nil
}

// formatDateTime reads a date in one format and writes it in another.
func formatDateTime(c *call, in scope) (connectors.Value, error) {
	source, null, err := c.text(formatSource, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	r, err := c.dateReader(in)
	if err != nil {
		return connectors.Value{}, err
	}
	w, err := c.dateWriter(in)
	if err != nil {
		return connectors.Value{}, err
	}
	var today time.Time
	if r.NeedsToday() {
		if today, err = c.today(in); err != nil {
			return connectors.Value{}, err
		}
	}
	m, err := r.Read(source, today)
	if k := dateCall(c.args[formatSource]); err != nil && k != nil {
		m, err = c.readDate(k, in, r, today)
	}
	if err != nil {
		format, _, _ := c.text(formatInput, in) // it has been evaluated already
		return connectors.Value{}, c.fail("%s cannot be read as %s: %v", quoted(source), quoted(format), err)
	}
	return connectors.StringValue(w.Write(m)), nil
}

// readDate reads a date that another function gives in the form that is not its own: of DateFromNum people expect the
// text that CDate has, and the other way round.
func (c *call) readDate(k *call, in scope, r *datetime.Reader, today time.Time) (datetime.Moment, error) {
	t, _, err := k.dater(k, in)
	if err != nil {
		return datetime.Moment{}, err
	}
	m, err := r.Read(datetime.Text(t), today)
	if err != nil {
		m, err = r.Read(iso(t), today)
	}
	return m, err
}

func (c *call) dateReader(in scope) (*datetime.Reader, error) {
	if c.format.reader != nil {
		return c.format.reader, nil
	}
	names, _, err := c.text(formatStyles, in)
	if err != nil {
		return nil, err
	}
	styles, err := datetime.ParseStyles(names)
	if err != nil {
		return nil, c.fail("dateTimeStyles: %v", err)
	}
	format, _, err := c.text(formatInput, in)
	if err != nil {
		return nil, err
	}
	r, err := datetime.NewReader(format, styles)
	if err != nil {
		return nil, c.fail("inputFormat: %v", err)
	}
	return r, nil
}

func (c *call) dateWriter(in scope) (*datetime.Writer, error) {
	if c.format.writer != nil {
		return c.format.writer, nil
	}
	format, _, err := c.text(formatOutput, in)
	if err != nil {
		return nil, err
	}
	w, err := datetime.NewWriter(format)
	if err != nil {
		return nil, c.fail("outputFormat: %v", err)
	}
	return w, nil
}
