package ringcentraltest

import "slices"

// Add puts an account in as it is, without SCIM's rules and without taking a licence: a stranger, another tool's, a
// duplicate. It gets an id if it has none that is free, and numbers of its own if it has none of their types. Add
// returns the id.
func (a *Account) Add(u User) string {
	u = u.clone()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.store.assign(&u)
	return a.store.add(u).ID
}

// User returns the account of that id.
func (a *Account) User(id string) (User, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.store.byID[id]
	if !ok {
		return User{}, false
	}
	return r.user.clone(), true
}

// Users returns all accounts in the order of their ids, which is that of their making.
func (a *Account) Users() []User {
	a.mu.Lock()
	defer a.mu.Unlock()
	users := make([]User, len(a.store.listed))
	for i, r := range a.store.listed {
		users[i] = r.user.clone()
	}
	slices.SortFunc(users, func(a, b User) int { return compareIDs(a.ID, b.ID) })
	return users
}

// ByMail returns the accounts that use the mail as user name or work e-mail, in any letter case.
func (a *Account) ByMail(mail string) []User {
	a.mu.Lock()
	defer a.mu.Unlock()
	var users []User
	for _, r := range a.store.holders(mail) {
		users = append(users, r.user.clone())
	}
	return users
}

// Edit changes an account behind SCIM's back, as an administrator does in RingCentral's portal; the id stays. It
// reports whether there is such an account.
func (a *Account) Edit(id string, change func(*User)) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.store.byID[id]
	if !ok {
		return false
	}
	u := r.user.clone()
	change(&u)
	a.store.replace(r, u.clone())
	return true
}

// Remove deletes an account as a DELETE does: its extension is unassigned, so its licence is free again. It reports
// whether there was one.
func (a *Account) Remove(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.remove(id)
}

func (a *Account) remove(id string) bool {
	r, ok := a.store.byID[id]
	if !ok {
		return false
	}
	a.store.remove(r)
	if a.licenses >= 0 {
		a.licenses++
	}
	return true
}

// SetLicenses sets the number of unassigned extensions; negative for no limit.
func (a *Account) SetLicenses(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.licenses = n
}

// Licenses returns the number of unassigned extensions left; negative for no limit.
func (a *Account) Licenses() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.licenses
}
