package plan

import (
	"encoding/csv"
	"io"
	"strings"
	"unicode/utf8"
)

// Table writes rows as CSV (RFC 4180) that a spreadsheet may open: a cell that it would take for a formula begins with
// an apostrophe, which shows it as the text that it is. Values come from the directory, where anybody may be called
// =HYPERLINK(…).
type Table struct{ csv *csv.Writer }

// NewTable returns an empty table.
func NewTable(w io.Writer) *Table {
	t := &Table{csv.NewWriter(w)}
	t.csv.UseCRLF = true
	return t
}

// Add adds a row.
func (t *Table) Add(row []string) {
	harmless := make([]string, len(row))
	for i, cell := range row {
		if harmless[i] = cell; isFormula(cell) {
			harmless[i] = "'" + cell
		}
	}
	_ = t.csv.Write(harmless) // Flush tells
}

// Flush writes what is still in memory, and returns the first error there was.
func (t *Table) Flush() error {
	t.csv.Flush()
	return t.csv.Error()
}

// isFormula reports whether a spreadsheet may take the cell for a formula: by its first sign, also behind white space
// and in the full-width forms that some treat alike.
func isFormula(cell string) bool {
	if cell != "" && strings.ContainsRune("\t\r\n", rune(cell[0])) {
		return true
	}
	rest := strings.TrimLeft(cell, " \t\r\n\u00a0\ufeff")
	first, _ := utf8.DecodeRuneInString(rest)
	return rest != "" && strings.ContainsRune("=+-@＝＋－＠", first)
}
