//go:build !race

package engine_test

const (
	histories    = 200
	budgetPeople = 100_000
)
