package main

import (
	"path/filepath"
	"strings"

	"ringsync/configs"
	"ringsync/engine/notify"
)

// channelsOf returns whom the configuration names.
func channelsOf(c configs.Notify) (channels []notify.Channel, err error) {
	if e := c.Email; e != nil {
		channels, err = notify.Email{To: e.To, From: e.From, Host: e.SMTP.Host, Port: e.SMTP.Port,
			Username: e.SMTP.Username, Password: e.SMTP.Password.Reveal(), Security: e.SMTP.TLS}.Channels()
		if err != nil {
			return nil, usageError("notify.email: %v", err)
		}
	}
	if w := c.Webhook; w != nil {
		channels = append(channels, notify.Webhook{URL: w.URL, Secret: w.Secret.Reveal()}.Channel())
	}
	return channels, nil
}

// absolute returns where a file is for somebody who is in another folder.
func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}

// shellWord returns text as one word of a POSIX shell.
func shellWord(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:", r)
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
