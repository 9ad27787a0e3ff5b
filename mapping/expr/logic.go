package expr

import "ringsync/connectors"

// switchOn gives the value of the first key that equals the source, else the default. A null source is the key "",
// and so is an empty one. Without a match and without a default there is no value.
func switchOn(c *call, in scope) (connectors.Value, error) {
	source, _, err := c.text(0, in)
	if err != nil {
		return connectors.Value{}, err
	}
	for i := 2; i+1 < len(c.args); i += 2 {
		key, _, err := c.text(i, in)
		if err != nil {
			return connectors.Value{}, err
		}
		if key == source {
			return c.value(i+1, in)
		}
	}
	return c.value(1, in)
}

func iif(c *call, in scope) (connectors.Value, error) {
	v, err := c.single(0, in)
	if err != nil {
		return v, err
	}
	if holds(v) {
		return c.value(1, in)
	}
	return c.value(2, in)
}

// coalesce gives the first argument that is not null. The documented default is the last of them: the grammar cannot
// tell it from a source, and need not.
func coalesce(c *call, in scope) (connectors.Value, error) {
	for i := range c.args {
		v, err := c.value(i, in)
		if err != nil || !v.IsNull() {
			return v, err
		}
	}
	return connectors.NullValue(), nil
}

// not gives False for "True" and True for everything else, null included.
func not(c *call, in scope) (connectors.Value, error) {
	v, err := c.single(0, in)
	if err != nil {
		return v, err
	}
	b, ok := v.AsBool()
	return truth(!ok || !b), nil
}

func cBool(c *call, in scope) (connectors.Value, error) {
	v, err := c.single(0, in)
	if err != nil {
		return v, err
	}
	return truth(holds(v)), nil
}

func isNull(c *call, in scope) (connectors.Value, error) {
	v, err := c.value(0, in)
	return truth(v.IsNull()), err
}

func isNullOrEmpty(c *call, in scope) (connectors.Value, error) {
	v, err := c.value(0, in)
	return truth(v.IsEmpty()), err
}

func isPresent(c *call, in scope) (connectors.Value, error) {
	v, err := c.value(0, in)
	return truth(!v.IsEmpty()), err
}

// isString tells whether there is one text: what is null, a list of several or an object is none.
func isString(c *call, in scope) (connectors.Value, error) {
	v, err := c.value(0, in)
	if err != nil {
		return v, err
	}
	v, why := one(v)
	return truth(why == "" && !v.IsNull()), nil
}

// ignoreFlow leaves the attribute out of what is sent if there is no value for it: neither written nor cleared, nor
// given a default.
func ignoreFlow(c *call, in scope) (connectors.Value, error) {
	v, err := c.value(0, in)
	if err == nil && v.IsEmpty() {
		return connectors.Value{}, nil
	}
	return v, err
}

// raise fails the attribute for this person with the administrator's own message.
func raise(c *call, in scope) (connectors.Value, error) {
	message, _, err := c.text(0, in)
	if err != nil {
		return connectors.Value{}, err
	}
	return connectors.Value{}, newError(c.source, c.offset, "%s", message)
}

// redact passes a value on. What it does is seen by those who show values: Program.Redacted.
func redact(c *call, in scope) (connectors.Value, error) { return c.value(0, in) }
