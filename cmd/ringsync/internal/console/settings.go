package console

import (
	"maps"
	"slices"
	"strings"
)

// settingsPage is the configuration as it is loaded.
type settingsPage struct {
	Job      string
	Sections []settingsSection
	Check    *taskView
	Version  string
	Credits  []Credential
	Limits   []Limit
}

type settingsSection struct {
	Name string
	Rows []settingRow
}

type settingRow struct {
	Key, Value string
	Secret     bool
}

// sections are the parts of a configuration, in the order of the file.
var sections = []string{"job", "source", "target", "schedule", "users", "deprovision", "safety", "quarantine", "notify", "state", "log"}

func (c *Console) settings(v *visit) error {
	data := settingsPage{Job: v.job.Name(), Version: c.Version, Credits: v.job.Credentials(), Limits: v.job.Limits()}
	all := v.job.Config.Settings()
	for _, section := range sections {
		s := settingsSection{Name: section}
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if first, _, _ := strings.Cut(strings.ReplaceAll(key, "[", "."), "."); first != section {
				continue
			}
			row := settingRow{Key: key, Value: all[key].Value, Secret: all[key].Secret && all[key].Value != ""}
			if row.Secret {
				row.Value = ""
			}
			s.Rows = append(s.Rows, row)
		}
		if len(s.Rows) > 0 {
			data.Sections = append(data.Sections, s)
		}
	}
	if t := c.tasks.find(data.Job, func(t *task) bool { return t.Kind == taskCheck }); t != nil {
		at := t.view(c.Now())
		data.Check = &at
	}
	return v.page("settings", page{Title: "Settings", Tab: "settings", Content: data})
}
