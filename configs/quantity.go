package configs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// ParseAge reads a duration that may have days: 90d, 1d12h, 30m, 0. It is not negative.
func ParseAge(text string) (time.Duration, error) {
	rest, days := strings.TrimSpace(text), uint64(0)
	wrong := fmt.Errorf("%q is no duration such as 90d, 12h or 1h30m", text)
	if number, after, ok := strings.Cut(rest, "d"); ok {
		var err error
		if days, err = strconv.ParseUint(number, 10, 64); err != nil || days > math.MaxInt64/uint64(day) {
			return 0, wrong
		}
		if rest = after; rest == "" {
			rest = "0"
		}
	}
	age, err := time.ParseDuration(rest)
	if err != nil || age < 0 || age > math.MaxInt64-time.Duration(days)*day {
		return 0, wrong
	}
	return time.Duration(days)*day + age, nil
}

// ParseSize reads a number of bytes: 512MB, 1.5GiB, 4096, 0.
func ParseSize(text string) (uint64, error) {
	number := strings.TrimRight(strings.TrimSpace(text), "BbKkMmGgTtIi ")
	unit, known := sizeUnit(strings.ToUpper(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), number))))
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !known || !(n >= 0 && n*float64(unit) < 1<<62) || strings.ContainsAny(number, "xX_") {
		return 0, fmt.Errorf("%q is no size such as 512MB or 1GiB", text)
	}
	return uint64(n * float64(unit)), nil
}

func sizeUnit(name string) (bytes uint64, known bool) {
	switch name {
	case "", "B":
		return 1, true
	case "KB":
		return 1e3, true
	case "MB":
		return 1e6, true
	case "GB":
		return 1e9, true
	case "TB":
		return 1e12, true
	case "KIB":
		return 1 << 10, true
	case "MIB":
		return 1 << 20, true
	case "GIB":
		return 1 << 30, true
	case "TIB":
		return 1 << 40, true
	}
	return 0, false
}
