package main

import (
	"errors"
	"fmt"
	"slices"

	"ringsync/configs"
	"ringsync/mapping/expr"
)

// Exit codes. The commands that compare or write return the highest that applies; exitFailed and exitUsage win.
const (
	exitOK          = 0
	exitFailed      = 1
	exitDifferences = 2  // diff: differences not yet decided
	exitUnfinished  = 3  // some people are in escrow, in conflict or waiting for capacity
	exitHeld        = 4  // quarantined, wrong credentials, or removals held
	exitUsage       = 64 // usage or configuration (EX_USAGE of sysexits.h)
)

// exitError ends the program with a code. Without an err the command has said everything already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError returns an error that ends the program with exitUsage.
func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// codeOf returns the exit code of a command that ends with err.
func codeOf(err error) int {
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	if _, wrongConfig := errors.AsType[configs.Problems](err); wrongConfig {
		return exitUsage
	}
	return exitFailed
}

// report prints what a command returned, once, and gives the exit code. Errors go to stderr as text; with --json an
// object goes to stdout as well, so that what reads stdout always reads JSON.
func (a *app) report(err error) int {
	if err == nil {
		return exitOK
	}
	code := codeOf(err)
	exit, ok := errors.AsType[*exitError](err)
	if ok && exit.err == nil {
		return exit.code
	}
	problems, wrongConfig := errors.AsType[configs.Problems](err)
	if !ok && !a.started { // what cobra finds wrong, it finds before a command starts
		code = exitUsage
	}
	message := err.Error()
	if wrongConfig {
		fmt.Fprintln(a.stderr, problems)
		message = fmt.Sprintf("%s has %s", problems[0].File, count(len(problems), "problem"))
	}
	fmt.Fprintf(a.stderr, "ringsync: %s\n", message)
	if place, ok := errors.AsType[*expr.Error](err); ok && !wrongConfig {
		fmt.Fprintln(a.stderr, place.Caret())
	}
	if a.json || slices.Contains(a.args, "--json") { // a wrong flag before it may have kept it from being read
		type failure struct {
			Code     int              `json:"code"`
			Message  string           `json:"message"`
			Problems configs.Problems `json:"problems,omitempty"`
		}
		a.printJSON(map[string]failure{"error": {code, message, problems}})
	}
	return code
}

// count gives "1 problem", "2 problems".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
