//go:build !race

package engine_test

const histories = 200
