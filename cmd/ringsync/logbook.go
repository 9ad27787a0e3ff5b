package main

import (
	"os"
	"os/user"
	"strconv"

	"ringsync/configs"
	"ringsync/engine"
	"ringsync/engine/plan"
)

// logbook turns the configuration of the provisioning log into the engine's terms.
func logbook(c *configs.Config) engine.LogOptions {
	keep, _ := configs.ParseAge(c.Log.Keep) // Load has checked both
	size, _ := configs.ParseSize(c.Log.Size)
	return engine.LogOptions{Keep: keep, Size: size, File: c.Log.File, Systems: systems(c)}
}

// systems is what every entry of the job's log says of both sides.
func systems(c *configs.Config) plan.Systems {
	return plan.Systems{Job: c.Job, Tenant: c.Source.Tenant, App: c.Source.App, Target: c.Target.URL, TargetName: "RingCentral"}
}

// settings turns the configuration as a whole into the engine's terms.
func settings(c *configs.Config) map[string]engine.Setting {
	all := map[string]engine.Setting{}
	for key, s := range c.Settings() {
		all[key] = engine.Setting(s)
	}
	return all
}

// localUser names whoever runs the program: for the superuser by sudo, who that was before.
func localUser() string {
	u, err := user.Current()
	if err != nil {
		return "uid " + strconv.Itoa(os.Getuid())
	}
	if before := os.Getenv("SUDO_USER"); u.Uid == "0" && before != "" {
		return before + " (sudo)"
	}
	return u.Username
}
