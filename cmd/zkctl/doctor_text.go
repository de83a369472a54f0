package main

import (
	"strings"

	"github.com/zkkit/zkkit/internal/scenario"
)

// doctorText is a diagnosis, for people.
func doctorText(d diagnosis, style scenario.Style) string {
	t := newTable(style, 24)
	t.WriteString("ENGINES, one of which an experiment runs on\n")
	for _, e := range d.Engines {
		t.row(cell(e.Kind)+e.Status, engineText(e))
	}
	t.WriteString("\nSTORES, which an experiment writes to\n")
	for _, s := range d.Stores {
		t.row(cell(s.Name)+s.Status, s.Detail)
	}
	t.WriteString("\nCUTS, made with zkctl partition --cut\n")
	for _, cut := range d.Cuts {
		t.row(cell(string(cut.Where))+yesNo(cut.Possible), cut.About)
		for _, line := range cut.How {
			t.row("", line)
		}
	}
	t.WriteString("\nFAULTS, made by the Toxiproxy " + d.Toxiproxy.BuiltIn + " that is built in\n")
	for _, f := range d.Faults {
		about := f.About
		if len(f.Directions) > 0 {
			about += " (" + strings.Join(f.Directions, ", ") + ")"
		}
		t.row("  "+string(f.Kind), about)
	}
	if x := d.Toxiproxy; x.URL != "" {
		t.WriteString("\nTOXIPROXY at " + x.URL + "\n")
		switch {
		case !x.Reachable:
			t.row(cell("reachable")+"no", x.Error)
		default:
			t.row(cell("reachable")+"yes", x.Error)
			t.row(cell("gate")+yesNo(x.Gate),
				map[bool]string{true: "a drop and a jam are complete", false: "a drop and a jam are what the stock toxics make of them"}[x.Gate])
			for i, caveat := range x.Caveats {
				t.row(cell(map[bool]string{true: "caveats"}[i == 0]), caveat)
			}
		}
	}
	t.WriteString("\nNOT POSSIBLE HERE\n")
	for _, l := range d.Lacking {
		t.row("  "+l.What, l.Why)
	}
	t.WriteString("\n")
	if d.Auto == "" {
		t.WriteString("Not ready: --engine auto takes servers that are named, else what is installed here, and that does not work.\n")
		for _, e := range d.Engines {
			if e.works() {
				t.WriteString("It works with: zkctl partition --for 3s --engine " + e.Kind + "\n")
			}
		}
	} else {
		t.WriteString("Ready: zkctl partition --for 3s, on engine " + d.Auto + ".\n")
	}
	return t.String()
}

func engineText(e engineState) string {
	var parts []string
	if e.Home != "" {
		parts = append(parts, strings.TrimSpace("ZooKeeper "+e.Version)+" in "+e.Home+", "+strings.TrimSpace("Java "+e.JavaVersion)+" at "+e.Java)
	}
	return strings.Join(append(parts, e.Detail), "; ")
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// cell is a name, filled up to the column of what is said of it in a word.
func cell(name string) string {
	return "  " + name + strings.Repeat(" ", max(11-len(name), 1))
}
