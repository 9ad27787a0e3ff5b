//go:build race

package engine_test

const (
	histories    = 20
	budgetPeople = 5000
)
