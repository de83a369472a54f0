package scenario

// A reign is a stretch of time in which one node was the first in the queue, as far as the observer knows: it certainly was from "from" to "to".
type reign struct {
	by       string // whose node it was, "" if that is not known
	token    uint64
	from, to float64
	ended    bool // its end was recorded
}

// addReign begins a reign, or ends one. The end of a reign that did not begin is kept as one that began nobody knows when.
func (f *facts) addReign(e *Event) {
	if e.Who != WhoObserver {
		return
	}
	if e.What == Owned {
		for i := range f.reigns {
			if r := &f.reigns[i]; r.token == e.Token && !r.ended {
				r.to, r.ended = max(r.from, e.AtMs), true
				return
			}
		}
	}
	f.reigns = append(f.reigns, reign{by: e.By, token: e.Token, from: e.AtMs, to: e.AtMs, ended: e.What == Owned})
}

// addExit ends what a program believed: what does not run believes nothing.
func (f *facts) addExit(e *Event) {
	if e.OK != nil && !*e.OK {
		return
	}
	if f.exited == nil {
		f.exited = map[string]float64{}
	}
	if _, again := f.exited[e.Who]; !again {
		f.exited[e.Who] = e.AtMs
	}
	for i := range f.holds {
		if h := &f.holds[i]; h.who == e.Who && h.end == nil {
			h.end, h.endHi = e, e.AtMs
		}
	}
}

// reported returns the hold that the holder said it had when the cut came, or nil. What it says for the first time after the cut is no evidence: a program that does not
// flush what it prints says it late.
func (f *facts) reported() *hold {
	cut := 0.0
	if f.cut != nil {
		cut = f.cut.AtMs
	}
	for i := len(f.holds) - 1; i >= 0; i-- {
		h := &f.holds[i]
		switch {
		case h.who != WhoHolder || h.start > cut:
			continue
		case h.endHi < cut:
			return nil
		}
		return h
	}
	return nil
}

// judge sets what ownership says of a write: one of a client while another one certainly owned the lock is stale, whatever token it carries.
func (w *write) judge(f *facts) {
	if w.By == "" {
		return
	}
	had := false // it owned the lock before
	for i := range f.reigns {
		r := &f.reigns[i]
		had = had || r.by == w.By
		// While the record goes on, an owner may have been replaced already by one who never was an owner before.
		if r.by != "" && r.by != w.By && r.from <= w.AtMs && (w.AtMs <= r.to || f.live && !r.ended && had) {
			w.usurped, w.stale = r, true
			return
		}
	}
}

// cutOff returns the reign in which the cut came, or nil.
func (f *facts) cutOff() *reign {
	if f.cut == nil {
		return nil
	}
	for i := range f.reigns {
		if r := &f.reigns[i]; r.by == WhoHolder && r.from <= f.cut.AtMs && (r.to >= f.cut.AtMs || !r.ended) {
			return r
		}
	}
	return nil
}

// quit returns when the holder ended, if that was after the cut and while its node was certainly still there.
func (f *facts) quit() (ms float64, ok bool) {
	ms, ended := f.exited[WhoHolder]
	return ms, ended && f.cut != nil && f.seen != nil && f.cut.AtMs <= ms && ms <= f.seen.AtMs
}

// moved returns the first reign of another client that began after the cut, or nil.
func (f *facts) moved() *reign {
	for i := range f.reigns {
		if r := &f.reigns[i]; f.cut != nil && r.by != "" && r.by != WhoHolder && r.from >= f.cut.AtMs {
			return r
		}
	}
	return nil
}

// shows reports whether a stale write of the holder tells what the resource does with such: it was accepted, or refused for the token that it carried.
func (w *write) shows() bool {
	return w.stale && w.By == WhoHolder && w.OK != nil && (*w.OK || w.Token != 0)
}
