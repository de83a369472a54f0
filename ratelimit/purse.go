package ratelimit

// A purse is what was lent to this server for one key: batches of tokens, each to be used before a time. It is a pure value; times are those of this server's clock.
//
// A batch may be used from when its answer came until life after its question was *sent*. Redis counts it as lent from when it answered, which is later than that, until hold after
// that, which is longer than life. So this server stops using it before Redis stops counting it, as long as their clocks run at the same rate to within one part in [rates].
type purse struct {
	batches []batch  // by deadline
	ended   []string // used up or expired, to be told to Redis with the next question
	pace    pace
}

// A batch is what is left of one loan.
type batch struct {
	id       string
	left     int64
	deadline int64
}

// rates is how many parts there are in a duration of which one may be lost between two clocks: 1.6 %, where crystals differ by 0.02 % and a clock that is being set right by 0.05 %
// as a rule and by 10 % at the very most that some daemons can be told to.
const rates = 64

// hold is how long Redis counts as lent what this server uses for life.
func hold(life int64) int64 { return life + life/rates + 1 }

// within is how long this server may use what Redis counts for so long: the inverse of hold.
func within(hold int64) int64 { return max(0, hold-hold/rates-1) }

// take uses n tokens, of the batches that expire first, if there are so many.
func (p *purse) take(now, n int64) bool {
	p.drop(now)
	if p.left() < n {
		return false
	}
	p.pace.used += n
	for n > 0 {
		b := &p.batches[0]
		k := min(n, b.left)
		b.left -= k
		n -= k
		if b.left == 0 {
			p.end(0)
		}
	}
	return true
}

// left returns how many tokens there are, after drop.
func (p *purse) left() (sum int64) {
	for _, b := range p.batches {
		sum += b.left
	}
	return sum
}

// drop forgets what may not be used any more.
func (p *purse) drop(now int64) {
	for len(p.batches) > 0 && p.batches[0].deadline <= now {
		p.end(0)
	}
}

func (p *purse) end(i int) {
	if id := p.batches[i].id; id != "" && len(p.ended) < maxEnded {
		p.ended = append(p.ended, id)
	}
	p.batches = append(p.batches[:i], p.batches[i+1:]...)
}

// maxEnded bounds what is told to Redis at once. What is not told expires there by itself.
const maxEnded = 16

// add puts a batch in.
func (p *purse) add(b batch) {
	i := len(p.batches)
	for i > 0 && p.batches[i-1].deadline > b.deadline {
		i--
	}
	p.batches = append(p.batches, batch{})
	copy(p.batches[i+1:], p.batches[i:])
	p.batches[i] = b
}

// settle returns what has ended since the last time. If the question that carries it is lost, it expires in Redis by itself.
func (p *purse) settle() []string {
	ended := p.ended
	p.ended = nil
	return ended
}

// A pace says how large a batch should be: what is used in half of a batch's life at the rate of late, so that little of it expires, and never more than twice the one before.
type pace struct {
	used  int64 // since the last question, of the purse and beside it
	asked int64 // when that was
	size  int64 // of the last batch
	full  bool  // it would have been larger if it could
}

// next returns how much to borrow on top of what is used at once.
func (p *pace) next(now, life, most int64) int64 {
	want := p.used
	if age := now - p.asked; p.asked == 0 {
		want = 0 // Nothing is known yet.
	} else if age > 0 {
		want = min(p.used, exact/life) * life / (2 * age)
	}
	want = min(want, 2*p.size+1)
	p.size, p.full = min(want, most), want > most
	p.used, p.asked = 0, now
	return p.size
}
