package bolt

// takeRights has nothing to do: see Compact.
func takeRights(string, string) error { return nil }
