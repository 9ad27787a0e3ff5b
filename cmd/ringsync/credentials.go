package main

import (
	"crypto/sha256"
	"strings"
	"sync"

	"ringsync/configs"
	"ringsync/connectors/ringcentral"
)

// credentials are those by which a daemon's jobs sign in to RingCentral, each of them once: jobs of one user of one
// application share its rate limits and its tokens. None is forgotten while the daemon runs, so that a job whose
// configuration is loaded anew still heeds a penalty from before.
type credentials struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*ringcentral.Credential
}

func newCredentials() *credentials {
	return &credentials{known: map[[sha256.Size]byte]*ringcentral.Credential{}}
}

// of returns the configuration's credential.
func (cs *credentials) of(c *configs.Config, a *app) (*ringcentral.Credential, error) {
	key := sha256.Sum256([]byte(credentialKey(c)))
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if known, ok := cs.known[key]; ok {
		return known, nil
	}
	credential, err := newCredential(c, a)
	if err == nil {
		cs.known[key] = credential
	}
	return credential, err
}

// credentialKey tells credentials apart. It is as secret as they are.
func credentialKey(c *configs.Config) string {
	parts := []string{"token", strings.TrimRight(c.Target.URL, "/"), strings.TrimSpace(c.Target.Token.Reveal())}
	if o := c.Target.OAuth; o != nil {
		parts = []string{"oauth", o.URL, o.ClientID, o.ClientSecret.Reveal(), o.JWT.Reveal()}
	}
	return strings.Join(parts, "\x00")
}
