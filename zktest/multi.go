package zktest

// multiHeader stands before each operation of a multi, and after the last one.
func (in *input) multiHeader() (op Op, done bool) {
	op, done = Op(in.i32()), in.flag()
	in.i32()
	return op, done || in.broken
}

func (o *output) multiHeader(op Op, done bool, code Code) {
	o.i32(int32(op))
	o.flag(done)
	o.i32(int32(code))
}

// failed writes the result of an operation that was not executed.
func (o *output) failed(code Code) {
	o.multiHeader(-1, false, code)
	o.i32(int32(code))
}

// part is one operation of a multi: it is executed, and then writes its result.
type part struct {
	do func(x *txn, result *output) Code
}

// multi executes all of its operations with one zxid, or none.
func (q *call) multi() Code {
	var parts []part
	for {
		op, done := q.in.multiHeader()
		if done {
			break
		}
		p, ok := q.in.part(op)
		if !ok {
			q.in.broken = true
			break
		}
		parts = append(parts, p)
	}
	failed := -1
	var why Code
	var results output
	code := q.write(func(x *txn) Code {
		for i, p := range parts {
			if why = p.do(x, &results); why != CodeOK {
				failed = i
				return why
			}
		}
		return CodeOK
	})
	if q.in.broken {
		return code
	}
	if failed >= 0 {
		results = nil
		for i := range parts {
			switch {
			case i < failed:
				results.failed(CodeOK) // it would have been
			case i == failed:
				results.failed(why)
			default:
				results.failed(CodeRuntimeInconsistency)
			}
		}
	}
	q.out = append(q.out, results...)
	q.out.multiHeader(-1, true, -1)
	return CodeOK
}

// part reads one operation.
func (in *input) part(op Op) (part, bool) {
	switch op {
	case OpCreate, OpCreate2, OpCreateContainer, OpCreateTTL:
		wanted, ok := in.creation(op).inMulti()
		if !ok {
			return part{}, false
		}
		if op = wanted.op; op != OpCreate {
			op = OpCreate2 // what the results of all others are called
		}
		return part{func(x *txn, result *output) Code {
			path, n, code := x.create(wanted)
			if code != CodeOK {
				return code
			}
			result.multiHeader(op, false, CodeOK)
			result.str(path)
			if op != OpCreate {
				result.stat(n.stat())
			}
			return CodeOK
		}}, true
	case OpDelete:
		path, version := in.str(), in.i32()
		return part{func(x *txn, result *output) Code {
			result.multiHeader(op, false, CodeOK)
			return x.remove(path, version)
		}}, true
	case OpSetData:
		path, data, version := in.str(), in.data(), in.i32()
		return part{func(x *txn, result *output) Code {
			n, code := x.setData(path, data, version)
			if code != CodeOK {
				return code
			}
			result.multiHeader(op, false, CodeOK)
			result.stat(n.stat())
			return CodeOK
		}}, true
	case OpCheck:
		path, version := in.str(), in.i32()
		return part{func(x *txn, result *output) Code {
			result.multiHeader(op, false, CodeOK)
			return x.check(path, version)
		}}, true
	default:
		return part{}, false
	}
}

// multiRead answers several reads at one moment. Each has its own success or failure.
func (q *call) multiRead() Code {
	for {
		op, done := q.in.multiHeader()
		if done {
			break
		}
		path := q.in.str()
		q.in.flag() // a watch, which nobody can set here
		n, code := q.readable(path)
		if op != OpGetData && op != OpGetChildren {
			q.in.broken = true
			break
		}
		if code != CodeOK {
			q.out.failed(code)
			continue
		}
		q.out.multiHeader(op, false, CodeOK)
		if op == OpGetData {
			q.out.data(n.data)
			q.out.stat(n.stat())
		} else {
			q.out.names(n.names())
		}
	}
	if q.in.broken {
		return CodeMarshalling
	}
	q.out.multiHeader(-1, true, -1)
	return CodeOK
}
